"use strict";
// Play the agent: the 28 choices of an episode, with masks, and the regret at its end.

explorer.play = (() => {
  const { h, fixed, number, named, copyButton, say } = explorer.dom;
  const { space } = explorer;
  const STEPS = 28;

  /** The network so far, drawn; what is open is a sketch. `at` is the block whose turn it is. */
  function strip(list, at) {
    return h("ol", { class: "strip", start: 0 }, space.sizes.map((_, block) => {
      const four = [0, 1, 2, 3].map((i) => (4 * block + i < list.length ? space.options[block][i][list[4 * block + i]] : null));
      const given = Object.fromEntries(space.CHOICES.map((name, i) => [name, four[i]]));
      const known = four.map((value, i) => (value === null ? "·" : space.shown(i, value))).join(" ");
      return h("li", { class: block === at ? "now" : "" }, explorer.network.block(block, given), h("small", {}, h("b", {}, `${block} `), known));
    }));
  }

  /** What a finished network is worth beside the certified optimum. */
  function verdict({ task, point, optimum, reward, id, what, optimumReward = 1 }) {
    const { metric } = task;
    const row = (name, p, r) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "right" }, fixed(p.accuracy, 2)), h("td", { class: "right" }, number(metric, p.metric)), h("td", { class: "right" }, fixed(r, 4)));
    const regret = optimumReward - reward;
    return h("div", { class: "verdict" },
      h("p", { class: "big" }, "Regret ", h("b", {}, fixed(Math.max(0, regret), 4))),
      h("p", { class: "note" }, regret < 1e-6 ? "It is the certified optimum." : `${what} got ${fixed(100 * reward, 1)} % of the way from random networks, 0, to the certified optimum, 1 (${id}).`),
      h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Network"), h("th", { scope: "col", class: "right" }, "Accuracy, %"), h("th", { scope: "col", class: "right" }, metric.unit), h("th", { scope: "col", class: "right" }, "Reward"))),
        h("tbody", {}, row(what, point, reward), row("Certified optimum", optimum, optimumReward))));
  }

  function create(root, set) {
    let state = null;
    const area = h("div", { class: "episode" });
    const picker = h("div");
    const plot = explorer.plot.make({ label: "Where the network lies against the exact front", pick: (p) => set({ mode: "explore", states: p.states }) });
    const plotCard = h("section", { class: "card", "aria-label": "Front" }, plot);
    root.replaceChildren(
      h("section", { class: "card", "aria-labelledby": "play-title" },
        h("div", { class: "card-head" }, h("h2", { id: "play-title" }, "Play the agent"), picker),
        h("p", { class: "note", id: "play-what" }), area),
      plotCard);

    function act(action) {
      if (state.choices.length < STEPS && space.mask(state.choices.length)[action]) set({ choices: [...state.choices, action] });
    }

    const keys = (event) => {
      const action = Number(event.key) - 1;
      if (!event.ctrlKey && !event.metaKey && !event.altKey && action >= 0 && action < 4 && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) act(action);
    };
    document.addEventListener("keydown", keys);

    function update(given) {
      const { data } = explorer;
      state = given;
      const task = data.tasks[state.metric];
      const { metric } = task;
      if (picker.dataset.metric !== state.metric) {
        picker.replaceChildren(explorer.dom.metricPicker(state.metric, (name) => set({ metric: name, choices: [] })));
        picker.dataset.metric = state.metric;
      }
      document.getElementById("play-what").textContent = `One episode of ${task.id}: 28 choices, one reward at the end, ` +
        `accuracy · (${metric.larger ? `throughput / ${number(metric, task.target)}` : `${number(metric, task.target)} / latency`})^0.07. Nothing can be undone; keys 1 to 4 choose.`;
      const step = state.choices.length;
      const again = h("button", { type: "button", class: "quiet", onclick: () => { set({ choices: [] }); area.querySelector("button.action")?.focus(); } }, "Start again");
      plotCard.hidden = step < STEPS;
      if (step < STEPS) {
        const [block, choice] = [Math.floor(step / 4), step % 4];
        const mask = space.mask(step);
        const options = space.options[block][choice];
        const focused = area.contains(document.activeElement);
        area.replaceChildren(
          h("progress", { max: STEPS, value: step, "aria-label": "Choices made" }),
          strip(state.choices, block),
          h("div", { class: "turn" },
            h("p", { class: "big" }, `Block ${block}: ${space.NAMES[choice]}`),
            h("p", { class: "note" }, `Choice ${step + 1} of ${STEPS}. action_mask = [${mask.join(" ")}]`),
            h("div", { class: "actions" }, mask.map((valid, action) => h("button", {
              type: "button", class: "action", disabled: !valid, onclick: () => act(action),
              "aria-label": valid ? `${space.NAMES[choice]} ${space.shown(choice, options[action])}` : "masked",
            }, h("span", {}, valid ? space.shown(choice, options[action]) : "—"), h("small", {}, valid ? `key ${action + 1}` : "masked")))),
            h("div", { class: "buttons" }, again)));
        if (focused) area.querySelector("button.action").focus();
        return;
      }
      const states = space.fromChoices(state.choices);
      const point = task.point(states);
      const optimum = task.optimum();
      area.replaceChildren(
        strip(state.choices, -1),
        verdict({ task, point, optimum, reward: task.reward(point), id: task.id, what: "Yours" }),
        h("div", { class: "buttons" }, again,
          h("button", { type: "button", class: "quiet", onclick: () => set({ mode: "explore", states }) }, "Open in the explorer"),
          copyButton("Copy link", () => location.href)));
      if (!area.contains(document.activeElement)) again.focus({ preventScroll: true });
      say(`The episode is over. Regret ${fixed(Math.max(0, 1 - task.reward(point)), 4)}.`);
      plot.draw({
        task, metric, front: explorer.plot.members(task), cloud: explorer.plot.cloud(task),
        points: [{ ...optimum, kind: "optimum", label: "certified optimum" }, { kind: "compare", label: "EfficientNet-B0", ...task.point(data.b0) }, { ...point, kind: "own", label: "yours" }],
      });
    }
    return { update, leave: () => document.removeEventListener("keydown", keys) };
  }

  return { create, strip, verdict };
})();
