// Before anything is drawn, and hence no module: a page that was dark does not flash.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("robometrics.theme");
  } catch {
    // Storage may be closed to us: then the system's scheme is used.
  }
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
}
