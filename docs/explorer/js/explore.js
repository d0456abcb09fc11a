"use strict";
// Explore: a network chosen block by block, all its metrics, the exact front, certified optima and better neighbours.

explorer.explore = (() => {
  const { h, fixed, number, deviation, named, signed, segmented, copyButton, legend } = explorer.dom;
  const { space } = explorer;

  /** A block: drawn, with its four choices. */
  function blockCard(block, change) {
    const drawing = h("div", { class: "canvas" });
    const controls = space.CHOICES.map((name, i) => {
      const options = space.options[block][i].map((value) => ({ value, text: space.shown(i, value), title: `${space.NAMES[i]} ${space.shown(i, value)}` }));
      return segmented(`Block ${block}: ${space.NAMES[i]}`, options, null, (value) => change(i, value));
    });
    const element = h("li", { class: "block" },
      h("h3", {}, `Block ${block} `, h("small", {}, `${space.side(block - 1)}² → ${space.side(block)}²`)),
      drawing,
      h("div", { class: "controls" }, controls.map((control, i) =>
        h("div", { class: "choice" }, h("span", { class: "choice-name", title: space.NAMES[i], "aria-hidden": "true" }, ["e", "k", "L", "se"][i]), control))));
    element.update = (state) => {
      const values = space.values(block, state);
      drawing.replaceChildren(explorer.network.block(block, values));
      controls.forEach((control, i) => control.set(values[space.CHOICES[i]]));
    };
    return element;
  }

  /** The table of metrics; rows of devices choose what the plot shows. */
  function metricsTable(choose) {
    const body = h("tbody");
    const head = h("tr");
    const element = h("table", { class: "metrics" }, h("caption", { class: "hidden-text" }, "Metrics of the network"), h("thead", {}, head), body);
    element.update = (predictions, state, other, counts) => {
      const { data } = explorer;
      head.replaceChildren(...[
        h("th", { scope: "col" }, "Metric"), h("th", { scope: "col", class: "right" }, "Predicted"),
        h("th", { scope: "col", title: "Place between nadir, empty, and ideal, full, of the exact front" }, "Of the front"),
        h("th", { scope: "col", class: "right wide", title: "What the most accurate network has more that is no worse in this metric" }, "Accuracy left"),
        other && h("th", { scope: "col", class: "right" }, `To ${other.label}`),
      ].filter(Boolean));
      body.replaceChildren(...Object.values(data.metrics).map((metric) => {
        const { value, std } = predictions[metric.name];
        const task = data.tasks[metric.name];
        const against = task && task.against({ accuracy: predictions.accuracy.value, metric: value });
        const name = task
          ? h("button", { type: "button", class: "link", "aria-pressed": String(metric.name === state.metric), onclick: () => choose(metric.name) }, named(metric))
          : named(metric);
        return h("tr", { class: metric.name === state.metric ? "chosen" : "" },
          h("th", { scope: "row" }, name),
          h("td", { class: "right" }, h("b", {}, number(metric, value)), " ", h("span", { class: "std" }, `± ${deviation(std)} ${metric.unit}`)),
          h("td", {}, against && h("span", { class: "place", role: "img", "aria-label": `${Math.round(100 * against.place)} % of the way from nadir to ideal` }, h("span", { style: `width:${100 * against.place}%` }))),
          h("td", { class: "right wide" }, against && (against.left < 0.005 ? h("span", { class: "good" }, "on the front") : `+${fixed(against.left, 2)}`)),
          other && h("td", { class: "right" }, difference(metric, value, other.values[metric.name])));
      }), ...counts.map(({ name, value, than }) => h("tr", {},
        h("th", { scope: "row" }, name === "macs" ? "Multiply-accumulates" : "Parameters"),
        h("td", { class: "right" }, h("b", {}, fixed(value / 1e6, name === "macs" ? 0 : 2)), " ", h("span", { class: "std" }, "million")),
        h("td"), h("td", { class: "wide" }),
        other && h("td", { class: "right" }, relative(value, than, false)))));
    };
    return element;
  }

  function difference(metric, value, than) {
    if (metric.kind === "accuracy") {
      const points = value - than;
      return verdict(`${signed(fixed(points, 2), Number(points.toFixed(2)))}`, Math.abs(points) < 0.005 ? 0 : points);
    }
    return relative(value, than, metric.larger);
  }

  function relative(value, than, larger) {
    const percent = 100 * (value / than - 1);
    return verdict(`${signed(fixed(percent, 1), Number(percent.toFixed(1)))} %`, Math.abs(percent) < 0.05 ? 0 : larger ? percent : -percent);
  }

  const verdict = (text, gain) => (gain === 0 ? h("span", { class: "same" }, "=") : h("span", { class: gain > 0 ? "good" : "bad" }, text));

  /** Networks one change away, in groups: better in both, more accurate, better in the metric. */
  function neighbourList(choose) {
    const element = h("div", { class: "neighbours" });
    element.update = (state, predictions) => {
      const { data } = explorer;
      const metric = data.metrics[state.metric];
      const [accuracies, values] = [data.accuracy.sweep(state.states), metric.sweep(state.states)];
      const now = { accuracy: predictions.accuracy.value, metric: predictions[metric.name].value };
      const found = space.neighbours(state.states).map((n) => {
        const s = n.states[n.block];
        const gain = accuracies[n.block][s] - now.accuracy;
        const ratio = values[n.block][s] / now.metric - 1;
        return { ...n, gain, ratio, faster: metric.larger ? ratio : -ratio };
      });
      const both = found.filter((n) => n.gain > 0 && n.faster > 0).sort((a, b) => b.gain - a.gain);
      const accurate = found.filter((n) => n.gain > 0 && n.faster <= 0).sort((a, b) => b.gain - a.gain);
      const fast = found.filter((n) => n.gain <= 0 && n.faster > 0).sort((a, b) => b.faster - a.faster);
      const group = (title, list, none) => h("div", {}, h("h3", { class: "neighbour-head" }, h("span", {}, title, h("small", {}, ` ${list.length} of ${found.length}`)), h("small", {}, "accuracy"), h("small", {}, metric.kind)),
        list.length ? h("ul", {}, list.slice(0, 5).map((n) => h("li", {}, h("button", { type: "button", class: "neighbour", onclick: () => choose(n.states) },
          h("span", {}, `Block ${n.block}: ${n.choice === 3 ? "SE" : space.NAMES[n.choice]} ${space.shown(n.choice, n.from)} → ${space.shown(n.choice, n.to)}`),
          h("span", { class: n.gain > 0 ? "good" : "bad" }, `${signed(fixed(n.gain, 2), n.gain)} %`),
          h("span", { class: n.faster > 0 ? "good" : "bad" }, `${signed(fixed(100 * n.ratio, 1), n.ratio)} %`))))) : h("p", { class: "note" }, none));
      element.replaceChildren(
        group("Better in both", both, "No single change is better in both."),
        group("More accurate", accurate, "No single change is more accurate alone."),
        group(metric.larger ? "Faster" : "Quicker", fast, "No single change is faster alone."));
    };
    return element;
  }

  /** Bound or preference, and the certified optimum for it. */
  function asking(set, jump) {
    const slider = h("input", { type: "range", min: 0, max: 1000, step: 1, id: "asked" });
    const label = h("label", { for: "asked" });
    const answer = h("p", { class: "answer" });
    const by = segmented("Ask for", [{ value: "bound", text: "A bound" }, { value: "preference", text: "A preference" }], "bound", (value) => set({ by: value }));
    const element = h("div", { class: "asking" }, by, h("div", { class: "slider" }, label, slider), answer);
    let current = null;
    const place = (x) => {
      const { task, state } = current;
      if (state.by === "preference") return { weight: Math.round(x) / 1000 };
      const [[, ideal], [, nadir]] = [task.ideal, task.nadir];
      const bound = Number((nadir + (x / 1000) * (ideal - nadir)).toPrecision(4));
      // Rounding must not lead beyond the ideal, which nothing would meet.
      return { bound: task.sign * (bound - ideal) > 0 ? ideal : task.sign * (bound - nadir) < 0 ? nadir : bound };
    };
    slider.addEventListener("input", () => jump(place(Number(slider.value))));
    element.update = (state, task, optimum) => {
      current = { task, state };
      by.set(state.by);
      const { metric } = task;
      if (state.by === "bound") {
        const bound = state.bound;
        slider.value = (1000 * (bound - task.nadir[1])) / (task.ideal[1] - task.nadir[1]);
        label.textContent = `${metric.larger ? "At least" : "At most"} ${number(metric, bound)} ${metric.unit}`;
      } else {
        slider.value = 1000 * state.weight;
        label.textContent = `Accuracy weighs ${fixed(state.weight, 2)}, ${named(metric)} ${fixed(1 - state.weight, 2)}`;
      }
      slider.setAttribute("aria-valuetext", label.textContent);
      answer.replaceChildren("Certified optimum: ", h("b", {}, `${fixed(optimum.accuracy, 2)} %`), ` at ${number(metric, optimum.metric)} ${metric.unit}. `,
        space.index(optimum.states) === space.index(state.states)
          ? h("span", { class: "good" }, "This is it.")
          : h("button", { type: "button", class: "link", onclick: () => set({ states: optimum.states }) }, "Show it"));
    };
    return element;
  }

  /** What is asked for, filled in where the address says nothing. */
  function asked(state, task) {
    const inside = state.bound !== null && task.bestUnder(state.bound);
    return { ...state, bound: inside ? state.bound : task.target, weight: state.weight ?? 0.5 };
  }

  function create(root, set) {
    const { data } = explorer;
    let state = null;
    const change = (block) => (choice, value) => {
      const four = space.positions(block, state.states[block]);
      four[choice] = space.options[block][choice].indexOf(value);
      const states = state.states.slice();
      states[block] = space.state(block, four);
      set({ states });
    };
    const cards = space.sizes.map((_, block) => blockCard(block, change(block)));
    const code = h("code", { class: "python" });
    const text = h("code", { class: "text" });
    const table = metricsTable((metric) => set({ metric, bound: null }));
    const neighbours = neighbourList((states) => set({ states }));
    const optimumOf = (given, task) => (given.by === "bound" ? task.bestUnder(given.bound) : task.bestFor(given.weight));
    const ask = asking(set, (given) => {
      const task = data.tasks[state.metric];
      set({ ...given, states: optimumOf(asked({ ...state, ...given }, task), task).states });
    });
    const plot = explorer.plot.make({
      label: "Accuracy against the device metric, with the exact front", pick: (p) => set({ states: p.states }),
      step(direction) {
        const task = data.tasks[state.metric];
        const order = task.front().slice().sort((a, b) => a.metric - b.metric);
        const forward = direction.metric || direction.accuracy * -task.sign;
        const now = task.point(state.states);
        const at = order.reduce((best, p, i) => (Math.abs(p.metric - now.metric) < Math.abs(order[best].metric - now.metric) ? i : best), 0);
        set({ states: order[Math.min(order.length - 1, Math.max(0, at + forward))].states });
      },
    });
    const compare = segmented("Compare with", [{ value: "none", text: "Nothing" }, { value: "b0", text: "EfficientNet-B0" }, { value: "pinned", text: "Pinned" }], "b0", (value) => {
      set({ compare: value === "pinned" ? pinned || state.states : value });
    });
    let pinned = null;
    const picker = h("div");
    root.replaceChildren(
      h("section", { class: "card design", "aria-labelledby": "design-title" },
        h("div", { class: "card-head" }, h("h2", { id: "design-title" }, "Network"), text,
          h("div", { class: "buttons" },
            h("button", { type: "button", class: "quiet", onclick: () => set({ states: data.b0 }) }, "EfficientNet-B0"),
            h("button", { type: "button", class: "quiet", onclick: () => set({ states: space.random() }) }, "Random"),
            copyButton("Copy link", () => location.href))),
        h("ol", { class: "blocks", start: 0 }, cards),
        legend([["k3", "3×3"], ["k5", "5×5 depthwise"], ["se", "squeeze-excitation"], ["", "height: channels, logarithmic; arcs: residual connections"]])),
      h("div", { class: "columns" },
        h("section", { class: "card", "aria-labelledby": "front-title" },
          h("div", { class: "card-head" }, h("h2", { id: "front-title" }, "Exact front"), picker),
          plot,
          legend([["own", "this network"], ["compare", "compared"], ["optimum", "certified optimum"], ["front", "front, hollow beyond what was measured"], ["cloud", "random"]]),
          ask),
        h("section", { class: "card", "aria-labelledby": "metrics-title" },
          h("div", { class: "card-head" }, h("h2", { id: "metrics-title" }, "Metrics"), compare,
            h("button", { type: "button", class: "quiet", onclick: () => set({ compare: state.states }) }, "Pin this network")),
          h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of metrics" }, table),
          h("div", { class: "copy" }, code, copyButton("Copy Python", () => code.textContent)))),
      h("section", { class: "card", "aria-labelledby": "neighbours-title" },
        h("h2", { id: "neighbours-title" }, "One change away"), neighbours));

    function update(given) {
      const task = data.tasks[given.metric];
      state = asked(given, task);
      const { metric } = task;
      if (picker.dataset.metric !== state.metric) {
        picker.replaceChildren(explorer.dom.metricPicker(state.metric, (name) => set({ metric: name, bound: null })));
        picker.dataset.metric = state.metric;
      }
      const predictions = Object.fromEntries(Object.values(data.metrics).map((m) => [m.name, m.predict(state.states)]));
      if (typeof state.compare !== "string") pinned = state.compare;
      const other = state.compare === "none" ? null : { label: state.compare === "b0" ? "B0" : "pinned", states: state.compare === "b0" ? data.b0 : state.compare };
      if (other) other.values = Object.fromEntries(Object.values(data.metrics).map((m) => [m.name, m.value(other.states)]));
      compare.set(typeof state.compare === "string" ? state.compare : "pinned");
      cards.forEach((card, block) => card.update(state.states[block]));
      text.textContent = space.text(state.states);
      code.textContent = `anb_gym.Benchmark().query("${space.text(state.states)}", std=True)`;
      table.update(predictions, state, other, data.counts.map((count) => ({ name: count.name, value: count.value(state.states), than: other && count.value(other.states) })));
      const optimum = optimumOf(state, task);
      ask.update(state, task, optimum);
      neighbours.update(state, predictions);
      const own = {
        kind: "own", label: "this network", states: state.states, accuracy: predictions.accuracy.value, metric: predictions[metric.name].value,
        accuracyStd: predictions.accuracy.std, metricStd: predictions[metric.name].std,
      };
      const points = [{ ...optimum, kind: "optimum", label: "certified optimum" }];
      if (other) points.push({ kind: "compare", label: state.compare === "b0" ? "EfficientNet-B0" : "pinned", states: other.states, accuracy: other.values.accuracy, metric: other.values[metric.name] });
      plot.draw({ task, metric, front: explorer.plot.members(task), points: [...points, own], cloud: explorer.plot.cloud(task), bound: state.by === "bound" ? state.bound : null });
    }
    return { update };
  }

  return { create };
})();
