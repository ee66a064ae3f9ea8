// Before anything is painted: the theme that was chosen last, and that there is JavaScript.
const root = document.documentElement;
root.classList.add("js");
try {
  const theme = localStorage.getItem("stakeout-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
} catch {
  // Pages opened from a file may have no storage.
}
