// A stack, innermost first, as an element.
import { el, name } from "./dom.js";
import { fileName } from "./format.js";

function frameOf(frame, isKernel) {
  return el(
    "li",
    null,
    name(frame.s, { class: "symbol" }),
    frame.f ? name(frame.f, { class: "where" }) : null,
    frame.m
      ? name(isKernel ? frame.m : fileName(frame.m), { class: "module", title: frame.m.slice(0, 300) })
      : null,
  );
}

function half(title, numbers, frames, isKernel) {
  if (!numbers.length) return null;
  return el(
    "div",
    { class: "stack" },
    el("h4", null, title),
    el(
      "ol",
      null,
      numbers.map((number) => frameOf(frames[number], isKernel)),
    ),
  );
}

export function stackOf(data, number) {
  if (number === null || number === undefined)
    return el("p", { class: "muted" }, "Its stack is not in this report.");
  const stack = data.stacks[number];
  return el(
    "div",
    { class: "stacks" },
    half("Kernel", stack.k, data.frames, true),
    half("User", stack.u, data.frames, false),
  );
}
