// Light, dark, or as the system has it.
import { el } from "./dom.js";

const root = document.documentElement;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const listeners = [];

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark.matches);
const tell = () => listeners.forEach((listener) => listener());
systemIsDark.addEventListener("change", tell);

// What is drawn, and not styled, has to be drawn again.
export const onTheme = (listener) => listeners.push(listener);

export const colour = (variable) => getComputedStyle(root).getPropertyValue(variable).trim();

export function themeButton() {
  const button = el("button", { class: "quiet", type: "button", id: "theme" });
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Use the light theme" : "Use the dark theme");
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("stakeout-theme", root.dataset.theme);
    } catch {
      // It lasts as long as the page, then.
    }
    tell();
  });
  onTheme(label);
  label();
  return button;
}
