// Buttons, keys and the address: what the reader does, and what the page does then.

(() => {
  "use strict";

  const get = (id) => document.getElementById(id);
  const { state } = app;

  // --- buttons ---

  const click = {
    first: () => app.walk(0),
    back: () => app.walk(state.n - 1),
    next: () => app.walk(state.n + 1),
    last: () => app.walk(app.last()),
    play: app.play,
    "forward-only": app.forwardOnly,
    "to-backward": app.toBackward,
    collapse: app.collapse,
    reset: app.reset,
    help: () => get("keys").showModal(),
    theme: () => {
      const { colorScheme } = document.documentElement.style;
      const dark = colorScheme ? colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      document.documentElement.style.colorScheme = dark ? "light" : "dark";
    },
    save: () => {
      const paper = getComputedStyle(document.body).backgroundColor;
      const address = URL.createObjectURL(new Blob([picture.asFile(app.picture(), paper)], { type: "image/svg+xml" }));
      const link = element("a", { href: address, download: `step-${state.n}.svg` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
      say("saved");
    },
    latex: () => {
      const c = app.context();
      const text = c.chosen === null ? card.latex(c) : study.latexOfWays(c);
      get("latex-text").value = text;
      const byHand = () => {
        get("latex-box").showModal();
        get("latex-text").select();
      };
      if (!navigator.clipboard) byHand();
      else navigator.clipboard.writeText(text).then(() => say("copied"), byHand);
    },
    print: () => window.print(),
  };

  const say = (key) => {
    get("said").textContent = app.model.words[state.language][key];
  };

  for (const [id, does] of Object.entries(click)) get(id).addEventListener("click", does);
  for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => app.speak(button.dataset.language));
  get("timeline").addEventListener("input", () => app.walk(Number(get("timeline").value)));
  get("predict").addEventListener("change", () => app.predict(get("predict").checked));
  get("rounded").addEventListener("change", () => app.rounded(get("rounded").checked));

  // --- to a step or a node ---

  const jump = get("jump");
  jump.addEventListener("focus", () => jump.select());
  jump.addEventListener("keydown", (event) => {
    if (event.key === "Escape") jump.blur();
    if (event.key !== "Enter") return;
    if (app.jump(jump.value)) jump.blur();
    else {
      jump.setAttribute("aria-invalid", "true");
      say("no-such");
    }
  });
  jump.addEventListener("blur", () => {
    jump.value = String(state.n);
    jump.removeAttribute("aria-invalid");
  });
  get("places").append(...app.model.names.slice(0, 500).map((name) => element("option", { value: name })));

  // --- nodes of the picture ---

  const chosen = (event) => event.target.closest("g.node")?.dataset.node;
  get("picture").addEventListener("click", (event) => {
    if (chosen(event) !== undefined) app.choose(Number(chosen(event)));
  });
  get("picture").addEventListener("keydown", (event) => {
    if (chosen(event) === undefined || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    event.stopPropagation();
    app.choose(Number(chosen(event)));
  });

  // --- keys ---

  const keys = {
    ArrowRight: click.next,
    ArrowLeft: click.back,
    Home: click.first,
    End: click.last,
    " ": app.play,
    f: app.forwardOnly,
    b: app.toBackward,
    "/": () => jump.focus(),
    "?": click.help,
    Escape: () => app.choose(null),
  };

  const isTyping = (target) => target.matches("textarea, select, input:not([type=checkbox])");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === " " && event.target.matches("button, input, summary, a")) return;
    const guess = get("guess");
    if (guess && !get("quiz").hidden && /^[-0-9.,]$/u.test(event.key)) {
      guess.focus(); // the key is typed into it
      return;
    }
    const parameter = /^[1-9]$/u.test(event.key) ? app.model.parameters[Number(event.key) - 1] : undefined;
    // letters by their place, too: a Russian keyboard has others there
    const does = keys[event.key] ?? keys[event.key.toLowerCase()] ?? { KeyF: keys.f, KeyB: keys.b, Slash: event.shiftKey ? keys["?"] : keys["/"] }[event.code];
    if (parameter === undefined && !does) return;
    event.preventDefault();
    if (parameter === undefined) does();
    else app.choose(parameter);
  });

  window.addEventListener("hashchange", () => app.walk(app.fromAddress()));
  window.addEventListener("beforeprint", () => panels.sheet(app.context(), get("sheet")));

  // --- the beginning ---

  document.documentElement.classList.add("alive");
  app.go(app.fromAddress());
  app.speak(state.language);

  // For tests, and for those who look under the hood.
  window.page = {
    get steps() {
      return app.computed().steps;
    },
    go: app.walk,
    set: app.set,
    data: () => [...app.computed().data],
    gradient: () => [...app.computed().gradient],
    step: () => state.n,
  };
})();
