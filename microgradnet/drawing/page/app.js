// The page as a whole: what is known of it, how it moves, how it is drawn anew.

const app = (() => {
  "use strict";

  const get = (id) => document.getElementById(id);
  const model = JSON.parse(get("data").textContent);
  const main = model.main;
  const root = main.operations.length - 1;
  const start = new Map(main.operations.flatMap((op, i) => (op ? [] : [[i, engine.number(main.data[i])]])));
  const held = engine.held(main);
  const views = [get("graph"), get("other").content.firstElementChild];

  // All that changes: the step and the leaves; what of the graph is looked at; how it is looked at.
  const state = {
    n: 0, leaves: new Map(start), chosen: null, touched: null, view: 0, playing: 0, revealed: -1,
    forwardOnly: false, predict: false, rounded: false,
    language: model.language ?? (/^ru\b/u.test(navigator.language) ? "ru" : "en"),
  };
  let exact = null; // computed in full
  let computed = null; // the same, or rounded after each operation
  let runs = 0;

  const dictionary = () => model.words[state.language];
  const say = (key) => dictionary()[key];
  const tell = (key, fill) => words.filled(dictionary()[key], fill);
  const show = (x) => (state.rounded ? writing.short(x) : writing.fixed(x, model.digits));
  const last = () => (state.forwardOnly ? computed.seed - 1 : computed.steps.length - 1);
  const key = (edge) => `e-${edge.operand}-${edge.reader}-${edge.place}`;

  // The product of this step is to be guessed first.
  const isSecret = () => {
    const step = computed.steps[state.n];
    return state.predict && step.kind === "backward" && step.product !== null && state.revealed !== state.n;
  };

  const compute = () => {
    const options = { rate: model.rate, parameters: model.parameters };
    exact = engine.run(main, state.leaves, options);
    computed = state.rounded ? engine.run(main, state.leaves, { ...options, round: engine.short }) : exact;
    runs += 1;
  };

  // The ways down to the chosen node: with the keys of their edges, and all nodes on them.
  const waysToChosen = () => {
    if (state.chosen === null) return null;
    const ways = engine.ways(main, exact.gradient, exact.data, state.chosen);
    return { ...ways, keys: new Set(ways.edges.map(key)), nodes: new Set([root, state.chosen, ...ways.edges.flatMap((edge) => [edge.operand, edge.reader])]) };
  };

  // All that the parts of the page need to show themselves at this step.
  const context = () => {
    const step = computed.steps[state.n];
    const secret = isSecret();
    const done = computed.steps.slice(0, secret ? state.n : state.n + 1).filter((each) => each.kind === "backward" && each.product !== null);
    const alike = computed.steps.filter((each) => each.kind === step.kind);
    const uses = computed.data.map(() => 0);
    for (const each of computed.steps) if (each.kind === "backward") uses[each.operand] = each.uses;
    return {
      model, main, root, start, held, say, tell, show, computed, exact, step, secret, uses,
      letters: lettersOf(model, dictionary(), show),
      n: state.n, leaves: state.leaves, chosen: state.chosen, language: state.language, rounded: state.rounded,
      touched: state.touched ?? model.parameters.find((i) => !held.has(i)) ?? null,
      run: `${runs}/${state.n}/${state.language}`,
      ways: waysToChosen(),
      known: engine.stateAt(main, computed, secret ? state.n - 1 : state.n),
      products: done.map((each) => each.product),
      sent: new Map(done.map((each) => [key(each), each.product])),
      place: { k: alike.indexOf(step) + 1, n: alike.length },
    };
  };

  const render = () => {
    const c = context();
    picture.draw(c, views[state.view], model.views[state.view].owner);
    picture.reveal(get("picture"), views[state.view]);
    card.fill(c, get("card"));
    study.quiz(c, get("quiz"), state.predict, reveal);
    study.ways(c, get("ways"), () => choose(null));
    panels.difference(c, get("difference"));
    panels.table(c, get("nodes"));
    panels.sliders(c, get("sliders"));
    panels.controls(c, state, last());
  };

  // --- moving ---

  const go = (n) => {
    const to = Number.isInteger(n) ? Math.max(0, Math.min(last(), n)) : 0;
    if (to !== state.n) state.revealed = -1;
    state.n = to;
    try {
      history.replaceState(null, "", `#s=${to}`);
    } catch (_error) {
      // in a frame that has no address of its own
    }
    render();
  };

  const stop = () => {
    clearInterval(state.playing);
    state.playing = 0;
  };

  const walk = (n) => {
    stop();
    go(n);
  };

  const play = () => {
    if (state.playing) {
      stop();
      render();
      return;
    }
    state.playing = setInterval(() => {
      if (isSecret() || state.n + 1 >= last()) stop();
      go(isSecret() ? state.n : state.n + 1);
    }, 1100);
    go(state.n >= last() ? 0 : state.n + 1);
  };

  const forwardOnly = () => {
    state.forwardOnly = !state.forwardOnly;
    walk(state.n);
  };

  const toBackward = () => {
    state.forwardOnly = false;
    walk(computed.seed);
  };

  // A step by its number, or the one that computes a node, by the node's name; false where there is no such one.
  const jump = (text) => {
    const wanted = text.trim();
    const node = model.names.findIndex((name) => name.trim() === wanted);
    if (/^[0-9]+$/u.test(wanted)) walk(Number(wanted));
    else if (node < 0) return false;
    else {
      const made = computed.steps.findIndex((step) => step.kind === "forward" && step.node === node);
      const reached = computed.steps.findLastIndex((step) => step.kind === "backward" && step.operand === node);
      walk(Math.max(0, made < 0 ? reached : made));
    }
    return true;
  };

  const fromAddress = () => Number(/^#s=([0-9]+)$/u.exec(location.hash)?.[1] ?? 0);

  // --- looking ---

  const reveal = () => {
    state.revealed = state.n;
    render();
  };

  const touch = (i) => {
    state.touched = i;
    panels.difference(context(), get("difference"));
  };

  const choose = (i) => {
    state.chosen = i === state.chosen ? null : i;
    if (start.has(state.chosen) && !held.has(state.chosen)) state.touched = state.chosen;
    render();
  };

  const set = (leaf, x) => {
    if (!start.has(leaf) || held.has(leaf) || typeof x !== "number") return;
    state.leaves.set(leaf, x);
    state.touched = leaf;
    state.revealed = -1;
    compute();
    render();
  };

  const reset = () => {
    state.leaves = new Map(start);
    compute();
    render();
  };

  const predict = (wanted) => {
    state.predict = wanted;
    state.revealed = -1;
    render();
  };

  const rounded = (wanted) => {
    state.rounded = wanted;
    compute();
    render();
  };

  const collapse = () => {
    const next = 1 - state.view;
    if (!model.views[next]) return;
    views[state.view].replaceWith(views[next]);
    state.view = next;
    render();
  };

  const speak = (language) => {
    state.language = language;
    document.documentElement.lang = language;
    words.speak(document, dictionary());
    panels.keys(get("keys").querySelector("dl"), say("key-list"));
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
    render();
    panels.sheet(context(), get("sheet"));
  };

  compute();
  return Object.freeze({
    choose, collapse, compute, context, forwardOnly, fromAddress, go, jump, last, model, play, predict, reset, rounded,
    set, speak, state, stop, toBackward, touch, walk,
    computed: () => computed, picture: () => views[state.view],
  });
})();
