"use strict";
// The tables: what scripts/make_explorer.py wrote, unpacked, and sums of it for any architecture.

explorer.surrogates = (() => {
  const N = 7;
  const PAIRS = [];
  const TRIPLES = [];
  for (let a = 0; a < N; a++) {
    for (let b = a + 1; b < N; b++) {
      PAIRS.push([a, b]);
      for (let c = b + 1; c < N; c++) TRIPLES.push([a, b, c]);
    }
  }

  /** Bytes of a text in base64 that were compressed by zlib. */
  async function unpack(text) {
    const packed = atob(text);
    const bytes = new Uint8Array(packed.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = packed.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  const TYPES = { float64: Float64Array, float32: Float32Array, uint32: Uint32Array, int16: Int16Array, uint16: Uint16Array, uint8: Uint8Array };

  /** Reads an array of a header's place: bytes of equal weight stand together. */
  function reader(bytes) {
    return ({ dtype, n, at }) => {
      const values = new TYPES[dtype](n);
      const width = values.BYTES_PER_ELEMENT;
      const target = new Uint8Array(values.buffer);
      for (let byte = 0; byte < width; byte++) {
        const plane = at + byte * n;
        for (let i = 0; i < n; i++) target[i * width + byte] = bytes[plane + i];
      }
      return values;
    };
  }

  /** The product of a row's values, from start to end, with the first entries of u; in two halves, which is faster. */
  function dot(values, start, end, u) {
    let [even, odd, k] = [0, 0, 0];
    for (; start + 1 < end; start += 2, k += 2) {
      even += values[start] * u[k];
      odd += values[start + 1] * u[k + 1];
    }
    return start < end ? even + odd + values[start] * u[k] : even + odd;
  }

  function pairSum(values, rows, ua, ub) {
    let total = 0;
    for (let r = 0; r < rows.length; r += 3) total += ua[rows[r]] * dot(values, rows[r + 1], rows[r + 2], ub);
    return total;
  }

  function tripleSum(values, rows, ua, ub, uc) {
    let total = 0;
    for (let r = 0; r < rows.length; r += 3) {
      const i = (rows[r] / ub.length) | 0;
      total += ua[i] * ub[rows[r] - i * ub.length] * dot(values, rows[r + 1], rows[r + 2], uc);
    }
    return total;
  }

  /** The derivatives of pairSum by ua and by ub, added to ga and gb. */
  function pairSlopes(values, rows, ua, ub, ga, gb) {
    for (let r = 0; r < rows.length; r += 3) {
      const [i, start, end] = [rows[r], rows[r + 1], rows[r + 2]];
      ga[i] += dot(values, start, end, ub);
      for (let p = start, k = 0; p < end; p++, k++) gb[k] += values[p] * ua[i];
    }
  }

  /** The same of tripleSum. */
  function tripleSlopes(values, rows, ua, ub, uc, ga, gb, gc) {
    for (let r = 0; r < rows.length; r += 3) {
      const [start, end] = [rows[r + 1], rows[r + 2]];
      const i = (rows[r] / ub.length) | 0;
      const j = rows[r] - i * ub.length;
      const product = ua[i] * ub[j];
      const inner = dot(values, start, end, uc);
      for (let p = start, k = 0; p < end; p++, k++) gc[k] += values[p] * product;
      ga[i] += ub[j] * inner;
      gb[j] += ua[i] * inner;
    }
  }

  /** A sum of numbers of single blocks, pairs and triples of them. */
  class BlockFunction {
    constructor(header, read, sizes) {
      this.ranks = header.ranks;
      this.quantum = header.quantum;
      this.singles = read(header.singles);
      this.starts = sizes.map((_, b) => sizes.slice(0, b).reduce((x, y) => x + y, 0));
      this.sizes = sizes;
      const lengths = read(header.lengths);
      const zigzag = read(header.values);
      const values = new Float64Array(zigzag.length);
      for (let i = 0; i < values.length; i++) values[i] = zigzag[i] & 1 ? -((zigzag[i] + 1) / 2) : zigzag[i] / 2;
      this.values = values;
      const flat = read(header.bases);
      let at = 0;
      this.bases = sizes.map((size, b) => {
        const rows = [];
        for (let s = 0; s < size; s++, at += this.ranks[b]) rows.push(Float64Array.from(flat.subarray(at, at + this.ranks[b])));
        return rows;
      });
      // Rows that are not empty: where in the tables, and where their values start.
      const where = [];
      let row = 0;
      let start = 0;
      for (const blocks of header.order > 2 ? [...PAIRS, ...TRIPLES] : PAIRS) {
        const rows = [];
        const [a, b] = blocks;
        const n = this.ranks[a] * (blocks.length > 2 ? this.ranks[b] : 1);
        for (let i = 0; i < n; i++, row++) {
          if (lengths[row]) rows.push(i, start, start + lengths[row]);
          start += lengths[row];
        }
        where.push({ blocks, rows: Int32Array.from(rows) });
      }
      this.pairs = where.filter((table) => table.blocks.length === 2);
      this.triples = where.filter((table) => table.blocks.length === 3);
    }

    sum(states) {
      const u = states.map((s, b) => this.bases[b][s]);
      let total = 0;
      for (const { blocks, rows } of this.pairs) total += pairSum(this.values, rows, u[blocks[0]], u[blocks[1]]);
      for (const { blocks, rows } of this.triples) {
        total += tripleSum(this.values, rows, u[blocks[0]], u[blocks[1]], u[blocks[2]]);
      }
      total *= this.quantum;
      for (let b = 0; b < N; b++) total += this.singles[this.starts[b] + states[b]];
      return total;
    }

    /** The sums of all architectures that differ in one block: an array per block, over its states. */
    sweep(states) {
      const u = states.map((s, b) => this.bases[b][s]);
      const slopes = this.ranks.map((rank) => new Float64Array(rank));
      for (const { blocks: [a, b], rows } of this.pairs) pairSlopes(this.values, rows, u[a], u[b], slopes[a], slopes[b]);
      for (const { blocks: [a, b, c], rows } of this.triples) {
        tripleSlopes(this.values, rows, u[a], u[b], u[c], slopes[a], slopes[b], slopes[c]);
      }
      const total = this.sum(states);
      return this.sizes.map((size, b) => {
        const found = new Float64Array(size);
        for (let s = 0; s < size; s++) {
          const shared = dot(this.bases[b][s], 0, slopes[b].length, slopes[b]);
          found[s] = this.singles[this.starts[b] + s] + shared * this.quantum;
        }
        const own = found[states[b]];
        return found.map((value) => value - own + total);
      });
    }
  }

  const LINKS = {
    identity: { value: (x) => x, slope: () => 1 },
    reciprocal: { value: (x) => 1 / x, slope: (x) => -1 / (x * x) },
  };

  /** A metric: value, standard deviation and values of changed blocks. */
  function metric(header, read, sizes) {
    const mean = new BlockFunction(header.mean, read, sizes);
    let logStd = null; // few ask for it: unpacked when the first does
    const link = LINKS[header.link.name];
    return {
      ...header,
      mean,
      value: (states) => link.value(mean.sum(states)),
      predict(states) {
        logStd = logStd || new BlockFunction(header.log_std, read, sizes);
        const sum = mean.sum(states);
        return { value: link.value(sum), std: Math.abs(link.slope(sum)) * Math.exp(logStd.sum(states)) };
      },
      sweep: (states) => mean.sweep(states).map((row) => row.map(link.value)),
      /** Whether a is better than b. */
      better: header.larger ? (a, b) => a > b : (a, b) => a < b,
    };
  }

  /** A count such as MACs: a number of each block's state. */
  function counted(header, read, sizes) {
    const table = read(header.table);
    const starts = sizes.map((_, b) => sizes.slice(0, b).reduce((x, y) => x + y, 0));
    return { name: header.name, value: (states) => states.reduce((sum, s, b) => sum + table[starts[b] + s], 0) };
  }

  return { unpack, reader, metric, counted };
})();
