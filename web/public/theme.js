// Sets a chosen theme before the first paint, so that a dark page never flashes light. app/state/preferences.ts writes it.
try {
  const { theme } = JSON.parse(localStorage.getItem("parley.preferences") ?? "{}");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // No storage, or damaged: the system's theme.
}
