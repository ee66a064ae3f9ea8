// Numbers and times as people read them.

const grouping = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const count = (number) =>
  number === null || number === undefined ? "not known" : grouping.format(number);
export const counted = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

export function percent(part, whole) {
  if (!whole) return "0 %";
  const share = (100 * part) / whole;
  if (part > 0 && share < 1) return "< 1 %";
  if (part < whole && share > 99) return "> 99 %";
  return `${share.toFixed(0)} %`;
}

// Microseconds as a span: "12 µs", "3.4 s", "2 h 05 min".
export function span(us) {
  if (us < 1e3) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(1)} ms`;
  if (us < 60e6) return `${(us / 1e6).toFixed(1)} s`;
  const seconds = Math.floor(us / 1e6);
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 86400)} d ${two(Math.floor((seconds % 86400) / 3600))} h`;
}

// Microseconds since arming: "+12.345678 s".
export const since = (us) => `+${(us / 1e6).toFixed(6)} s`;

const two = (number) => String(number).padStart(2, "0");

// The reader's own time of day: "14:20:11.123456".
export function clock(startMs, us) {
  // Whole milliseconds and the microseconds beside them: a double cannot hold both together.
  const startWhole = Math.floor(startMs);
  const microseconds = Math.round((startMs - startWhole) * 1e3) + us;
  const date = new Date(startWhole + Math.floor(microseconds / 1e3));
  const below = String(Math.floor(microseconds % 1e3)).padStart(3, "0");
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}${below}`;
}

export function day(ms) {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function zone() {
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const away = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(away / 60)}${away % 60 ? `:${two(away % 60)}` : ""}`;
}

export function task(one) {
  const comm = one.comm || "(unknown task)";
  if (!one.pid && !one.tid) return comm;
  return one.pid === one.tid ? `${comm} ${one.pid}` : `${comm} ${one.pid}/${one.tid}`;
}

export const fileName = (path) => path.slice(path.lastIndexOf("/") + 1);
