"use strict";
// The page: one mode at a time, the address, the theme.

(() => {
  const main = document.getElementById("main");
  const message = document.getElementById("message");
  const button = document.getElementById("theme");
  let state = null;
  let view = null;
  let shown = null;
  let pending = 0;

  function theme() {
    const chosen = document.documentElement.dataset.theme;
    const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    button.textContent = dark ? "☀" : "☾";
    button.setAttribute("aria-label", dark ? "Light theme" : "Dark theme");
    return dark;
  }
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = theme() ? "light" : "dark";
    try {
      localStorage.setItem("anb_gym-theme", document.documentElement.dataset.theme);
    } catch { /* it is not kept */ }
    theme();
  });
  theme();

  function tell(text) {
    message.textContent = text;
    message.hidden = !text;
  }

  function render() {
    if (shown !== state.mode) {
      if (view && view.leave) view.leave();
      view = explorer[state.mode].create(main, set);
      shown = state.mode;
      document.querySelectorAll("nav a").forEach((link) => {
        if (link.dataset.mode === shown) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      });
    }
    view.update(state);
    document.querySelectorAll("nav a").forEach((link) => {
      link.href = explorer.address.write({ ...state, mode: link.dataset.mode });
    });
  }

  /** Writes the address; while a slider moves only now and then, as browsers allow. */
  function address(move) {
    clearTimeout(pending);
    const write = () => history[move](null, "", explorer.address.write(state));
    if (move === "pushState") write();
    else pending = setTimeout(write, 200);
  }

  /** Changes the state; another mode is a step in the browser's history. */
  function set(changes) {
    const before = state.mode;
    state = { ...state, ...changes };
    address(state.mode === before ? "replaceState" : "pushState");
    tell("");
    render();
  }

  function open() {
    const { state: given, problem } = explorer.address.read(location.hash);
    state = given;
    tell(problem);
    render();
  }

  explorer.ready.then(
    () => {
      document.getElementById("version").textContent = `anb_gym ${explorer.data.header.version}.`;
      open();
      addEventListener("hashchange", open);
      performance.mark("ready");
    },
    (error) => tell(`The tables could not be unpacked: ${error.message}. A browser of 2023 or later is needed.`),
  );

  // Last, so that the page is painted first; a script, as pages from disk may load no other files.
  const tables = document.createElement("script");
  tables.src = "tables.js";
  tables.onerror = () => {
    main.replaceChildren();
    tell("tables.js is missing beside this page: run python scripts/make_explorer.py in the checkout.");
  };
  requestAnimationFrame(() => setTimeout(() => document.head.append(tables)));
})();
