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

  /** What a finished network is worth beside others; rows are [name, point, reward], the first is judged. */
  function verdict(task, rows, id) {
    const { metric } = task;
    const reward = rows[0][2];
    const minus = (text) => text.replace("-", "−");
    const right = (text) => h("td", { class: "right" }, minus(text));
    return h("div", { class: "verdict" },
      h("p", { class: "big" }, "Regret ", h("b", {}, fixed(Math.max(0, 1 - reward), 4))),
      h("p", { class: "note" }, reward > 1 - 1e-6 ? "This is the certified optimum. " : "", `Rewards of ${id}: random networks have 0 in the mean, the certified optimum 1.`),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Rewards" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Network"), h("th", { scope: "col", class: "right" }, "Accuracy, %"), h("th", { scope: "col", class: "right" }, metric.unit), h("th", { scope: "col", class: "right" }, "Reward"))),
        h("tbody", {}, rows.map(([name, p, r]) => h("tr", {}, h("th", { scope: "row" }, name), right(fixed(p.accuracy, 2)), right(number(metric, p.metric)), right(fixed(r, 4))))))));
  }

  function create(root, set) {
    let state = null;
    const area = h("div", { class: "episode" });
    const picker = h("div");
    const plot = explorer.plot.make({ label: "Where the network lies against the exact front", pick: (p) => set({ mode: "explore", states: p.states }) });
    const plotBox = h("div", { class: "outcome-plot" }, plot, explorer.dom.legend([["own", "yours"], ["compare", "EfficientNet-B0"], ["optimum", "certified optimum"], ["front", "exact front"]]));
    const judged = h("div");
    const outcome = h("div", { class: "outcome" }, judged, plotBox);
    root.replaceChildren(
      h("section", { class: "card", "aria-labelledby": "play-title" },
        h("div", { class: "card-head" }, h("h2", { id: "play-title" }, "Play the agent"), picker),
        h("p", { class: "note", id: "play-what" }), area, outcome));

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
      outcome.hidden = step < STEPS;
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
              "aria-label": valid ? `${space.shown(choice, options[action])} key ${action + 1}, ${space.NAMES[choice]}` : "— masked",
            }, h("span", {}, valid ? space.shown(choice, options[action]) : "—"), " ", h("small", {}, valid ? `key ${action + 1}` : "masked")))),
            h("div", { class: "buttons" }, again)));
        if (focused) area.querySelector("button.action").focus();
        return;
      }
      const states = space.fromChoices(state.choices);
      const point = task.point(states);
      const optimum = task.optimum();
      const b0 = task.point(data.b0);
      area.replaceChildren(strip(state.choices, -1));
      judged.replaceChildren(
        verdict(task, [["Yours", point, task.reward(point)], ["EfficientNet-B0", b0, task.reward(b0)], ["Certified optimum", optimum, 1]], task.id),
        h("div", { class: "buttons" }, again,
          h("button", { type: "button", class: "quiet", onclick: () => set({ mode: "explore", states }) }, "Open in the explorer"),
          copyButton("Copy link", () => location.href)));
      again.focus({ preventScroll: true });
      say(`The episode is over. Regret ${fixed(Math.max(0, 1 - task.reward(point)), 4)}.`);
      plot.draw({
        task, metric, front: explorer.plot.members(task), cloud: explorer.plot.cloud(task),
        points: [{ ...optimum, kind: "optimum", label: "certified optimum" }, { ...b0, kind: "compare", label: "EfficientNet-B0" }, { ...point, kind: "own", label: "yours" }],
      });
    }
    return { update, leave: () => document.removeEventListener("keydown", keys) };
  }

  return { create, strip, verdict };
})();
