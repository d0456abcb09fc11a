"use strict";
// A device nobody has seen, from times of a few networks: a short form of anb_gym.hardware.estimation.
//
// Logarithms of block times, and of the host's, are jointly normal beforehand, with the moments of generated devices of
// all widths together; Python keeps five widths apart, and the host as points with weights. A measured time is
// linearised around the estimate, conditioned on, and linearised again until nothing moves (Gauss and Newton).

explorer.estimation = (() => {
  const STEPS = 15;

  function load(header, read, sizes) {
    const kinds = Object.fromEntries(
      ["throughput", "latency"].map((kind) => {
        const { mean, factors, left, scale, n_factors } = header[kind];
        return [kind, { mean: read(mean), factors: read(factors), left: read(left), scale, nFactors: n_factors }];
      }),
    );
    const starts = sizes.map((_, b) => sizes.slice(0, b).reduce((x, y) => x + y, 0));
    return { ...header, kinds, starts };
  }

  /** Logarithm of the seconds of an architecture and its slopes: [value, [[cell, slope], ...]]. */
  function linearised(model, x, states, hasHost) {
    const cells = states.map((s, b) => model.starts[b] + s);
    const times = cells.map((cell) => Math.exp(x[cell]));
    const total = times.reduce((a, b) => a + b, 0);
    let value = Math.log(total);
    let ofHost = 0;
    const host = x.length - 1;
    if (hasHost) {
      const p = model.sharpness;
      const [a, b] = [p * value, p * x[host]];
      const largest = Math.max(a, b);
      value = (largest + Math.log(Math.exp(a - largest) + Math.exp(b - largest))) / p;
      ofHost = Math.exp(p * (x[host] - value));
    }
    const slopes = cells.map((cell, b) => [cell, (times[b] / total) * (1 - ofHost)]);
    if (hasHost) slopes.push([host, ofHost]);
    return [value, slopes];
  }

  /** The covariance times sparse slopes, an array. */
  function covarianceTimes(prior, slopes) {
    const n = prior.mean.length;
    const found = new Float64Array(n);
    for (let f = 0; f < prior.nFactors; f++) {
      let dot = 0;
      for (const [cell, slope] of slopes) dot += prior.factors[f * n + cell] * slope;
      for (let i = 0; i < n; i++) found[i] += prior.factors[f * n + i] * dot;
    }
    const all = prior.scale * slopes.reduce((sum, [, slope]) => sum + slope, 0);
    for (let i = 0; i < n; i++) found[i] += all;
    for (const [cell, slope] of slopes) found[cell] += prior.left[cell] * slope;
    return found;
  }

  const dotSparse = (slopes, vector) => slopes.reduce((sum, [cell, slope]) => sum + slope * vector[cell], 0);

  /** The lower factor of Cholesky's decomposition. */
  function cholesky(matrix) {
    const n = matrix.length;
    const lower = matrix.map((row) => row.slice());
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = matrix[i][j];
        for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
        lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
      }
    }
    return lower;
  }

  function forward(lower, vector) {
    const found = vector.slice();
    for (let i = 0; i < found.length; i++) {
      for (let k = 0; k < i; k++) found[i] -= lower[i][k] * found[k];
      found[i] /= lower[i][i];
    }
    return found;
  }

  function backward(lower, vector) {
    const found = vector.slice();
    for (let i = found.length - 1; i >= 0; i--) {
      for (let k = i + 1; k < found.length; k++) found[i] -= lower[k][i] * found[k];
      found[i] /= lower[i][i];
    }
    return found;
  }

  function climb(model, prior, rows, logs, hasHost, x) {
    let state = null;
    for (let step = 0; step < STEPS; step++) {
      const linear = rows.map((states) => linearised(model, x, states, hasHost));
      const crossed = linear.map(([, slopes]) => covarianceTimes(prior, slopes));
      const spread = linear.map(([, slopes], i) =>
        crossed.map((column, j) => dotSparse(slopes, column) + (i === j ? model.noise ** 2 : 0)),
      );
      const lower = cholesky(spread);
      const residual = linear.map(([value, slopes], i) =>
        logs[i] - value - slopes.reduce((sum, [cell, slope]) => sum + slope * (prior.mean[cell] - x[cell]), 0),
      );
      const solved = backward(lower, forward(lower, residual));
      const square = residual.reduce((sum, r, i) => sum + r * solved[i], 0);
      const determinant = lower.reduce((sum, row, i) => sum + 2 * Math.log(row[i]), 0);
      state = { crossed, lower, square, evidence: -0.5 * (square + determinant) };
      const moved = Float64Array.from(prior.mean, (m, i) => m + crossed.reduce((sum, column, j) => sum + column[i] * solved[j], 0));
      const largest = moved.reduce((most, value, i) => Math.max(most, Math.abs(value - x[i])), 0);
      if (largest < 1e-3) break;
      const share = Math.min(1, 1 / largest);
      x = x.map((value, i) => value + share * (moved[i] - value));
    }
    return { ...state, x };
  }

  /** The device that times allow: {predict(states), blockSeconds, surprise}. */
  function estimate(model, kind, rows, seconds) {
    const prior = model.kinds[kind];
    const hasHost = kind === "throughput";
    const logs = seconds.map(Math.log);
    const start = Float64Array.from(prior.mean);
    const shift = rows.reduce((sum, states, i) => sum + logs[i] - linearised(model, start, states, false)[0], 0) / rows.length;
    start.forEach((value, i) => { start[i] = value + shift; });
    const begun = [start];
    if (hasHost) { // the fastest may be as fast as the host allows
      const capped = start.slice();
      capped[capped.length - 1] = Math.min(...logs) - 0.02;
      begun.push(capped);
    }
    const found = begun.map((x) => climb(model, prior, rows, logs, hasHost, x)).reduce((a, b) => (b.evidence > a.evidence ? b : a));
    const factor = (model.strength + found.square) / (model.strength + rows.length);
    return {
      surprise: found.square / rows.length,
      blockSeconds: model.starts.map((at, b) => Array.from(found.x.subarray(at, at + explorer.space.sizes[b]), Math.exp)),
      /** Mean and standard deviation of the logarithm of seconds. */
      predict(states) {
        const [mean, slopes] = linearised(model, found.x, states, hasHost);
        const crossed = found.crossed.map((column) => dotSparse(slopes, column));
        const known = forward(found.lower, crossed).reduce((sum, v) => sum + v * v, 0);
        const variance = dotSparse(slopes, covarianceTimes(prior, slopes)) - known;
        return { mean, std: Math.sqrt(Math.max(0, factor * variance)) };
      },
    };
  }

  /** Points that no other beats in both accuracy and seconds, fastest first. */
  function nonDominated(points) {
    const sorted = points.slice().sort((a, b) => a.seconds - b.seconds || b.accuracy - a.accuracy);
    let best = -Infinity;
    return sorted.filter((p) => {
      const kept = p.accuracy > best;
      if (kept) best = p.accuracy;
      return kept;
    });
  }

  /**
   * The front of accuracy and estimated seconds by local search: from all members of the shipped fronts, to every
   * change of one block of a member, until none leads to a point that is not dominated. Not certified.
   */
  async function search(accuracy, estimated, seeds, progress = () => {}) {
    const seconds = (states) => states.reduce((sum, s, b) => sum + estimated.blockSeconds[b][s], 0);
    let archive = nonDominated(seeds.map((p) => ({ states: p.states, accuracy: p.accuracy, seconds: seconds(p.states) })));
    const visited = new Set();
    let begun = performance.now();
    for (;;) {
      const open = archive.filter((p) => !visited.has(explorer.space.index(p.states)));
      if (!open.length) return archive;
      const found = [];
      for (const p of open) {
        visited.add(explorer.space.index(p.states));
        const sweep = accuracy.sweep(p.states);
        sweep.forEach((values, b) => {
          const others = p.seconds - estimated.blockSeconds[b][p.states[b]];
          values.forEach((value, s) => {
            const time = others + estimated.blockSeconds[b][s];
            if (s !== p.states[b] && !beaten(archive, value, time)) {
              const states = p.states.slice();
              states[b] = s;
              found.push({ states, accuracy: value, seconds: time });
            }
          });
        });
        if (performance.now() - begun > 30) { // the page stays alive
          progress(visited.size);
          await new Promise((resolve) => setTimeout(resolve));
          begun = performance.now();
        }
      }
      archive = nonDominated([...archive, ...found]);
    }
  }

  /** Whether a member that is at least as fast is at least as accurate. */
  function beaten(archive, accuracy, seconds) {
    let low = 0;
    let high = archive.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (archive[middle].seconds <= seconds) low = middle + 1;
      else high = middle;
    }
    return low > 0 && archive[low - 1].accuracy >= accuracy;
  }

  return { load, estimate, search };
})();
