"use strict";
// The state of the page and its address: what stands behind the # can be shared.

explorer.address = (() => {
  const MODES = ["explore", "play", "watch", "device"];
  const DEFAULTS = { mode: "explore", metric: "vck190/throughput", compare: "b0", by: "bound" };

  /** The state that an address describes, and what is wrong with it. */
  function read(hash) {
    const { data, space } = explorer;
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    const problems = [];
    const choose = (name, options) => {
      const value = given.get(name);
      if (value === null || value === "") return DEFAULTS[name];
      if (options.includes(value)) return value;
      problems.push(`${name} must be one of ${options.join(", ")}, got “${value}”; showing ${DEFAULTS[name]}.`);
      return DEFAULTS[name];
    };
    const architecture = (name, otherwise) => {
      const value = given.get(name);
      if (value === null) return otherwise;
      try {
        return space.parse(value);
      } catch (error) {
        problems.push(`“${value.slice(0, 80)}” is no architecture: ${error.message}. Showing EfficientNet-B0.`);
        return data.b0;
      }
    };
    const number = (name, low, high) => {
      const value = given.get(name);
      if (value === null) return null;
      const found = Number(value);
      if (value.trim() !== "" && found >= low && found <= high) return found;
      problems.push(`${name} must be a number in ${low} to ${high}, got “${value.slice(0, 20)}”; leaving it out.`);
      return null;
    };
    const compare = given.get("compare");
    const state = {
      mode: choose("mode", MODES),
      metric: choose("metric", Object.keys(data.tasks)),
      states: architecture("arch", data.b0),
      compare: compare === null || compare === "b0" || compare === "none" ? compare || DEFAULTS.compare : architecture("compare", data.b0),
      by: choose("by", ["bound", "preference"]),
      bound: number("bound", 0, 1e9),
      weight: number("weight", 0, 1),
      choices: actions(given.get("choices"), problems),
      times: (given.get("times") || "").split("_").slice(0, data.probes.length),
      kind: given.get("kind") === "latency" ? "latency" : "throughput",
      like: Object.keys(data.tasks).includes(given.get("like")) ? given.get("like") : null,
    };
    return { state, problem: problems.join(" ") };
  }

  /** The actions of an unfinished episode. */
  function actions(text, problems) {
    const found = [];
    for (const digit of text || "") {
      const action = Number(digit);
      if (!(found.length < 28 && explorer.space.mask(found.length)[action])) {
        problems.push(`choices must be up to 28 valid actions, got “${text.slice(0, 40)}”; starting anew.`);
        return [];
      }
      found.push(action);
    }
    return found;
  }

  /** The address of a state: only what belongs to the mode and is not the default. */
  function write(state) {
    const { space } = explorer;
    const found = new URLSearchParams();
    const put = (name, value) => { if (value !== null && value !== DEFAULTS[name]) found.set(name, value); };
    put("mode", state.mode);
    if (state.mode !== "device") put("metric", state.metric);
    if (state.mode === "explore") {
      found.set("arch", space.text(state.states));
      put("compare", typeof state.compare === "string" ? state.compare : space.text(state.compare));
      put("by", state.by);
      put(state.by === "bound" ? "bound" : "weight", state.by === "bound" ? state.bound : state.weight);
    }
    if (state.mode === "play" && state.choices.length) found.set("choices", state.choices.join(""));
    if (state.mode === "watch") put("weight", state.weight);
    if (state.mode === "device") {
      if (state.kind !== "throughput") found.set("kind", state.kind);
      if (state.like) found.set("like", state.like);
      if (state.times.some(Boolean)) found.set("times", state.times.join("_"));
    }
    return `#${found.toString().replaceAll("%2F", "/")}`;
  }

  return { read, write };
})();
