/**
 * How a quantity grows with n: four models fitted by least squares and compared by AICc. Pure.
 *
 * AICc = m ln(RSS/m) + 2k + 2k(k+1)/(m-k-1), with m points and k parameters, the error variance counted as one
 * (Hurvich and Tsai 1989; Burnham and Anderson 2002, 2.4). Akaike weights: exp(-delta/2), normalised. A difference
 * below 2 says that the data do not tell the two models apart.
 */

/** A measured point. */
export interface Point {
  readonly n: number;
  readonly value: number;
}

/** The forms of growth that are compared. */
export const MODELS = ["constant", "linear", "n log n", "quadratic"] as const;
export type GrowthModel = (typeof MODELS)[number];

/** The terms of each model, by powers: value = sum of coefficient times term. */
const TERMS: Record<GrowthModel, readonly ((n: number) => number)[]> = {
  constant: [() => 1],
  linear: [() => 1, (n) => n],
  "n log n": [() => 1, (n) => n * Math.log(n)],
  quadratic: [() => 1, (n) => n, (n) => n * n],
};

const FORMULA: Record<GrowthModel, readonly string[]> = {
  constant: [""],
  linear: ["", "n"],
  "n log n": ["", "n ln n"],
  quadratic: ["", "n", "n²"],
};

/** One model fitted to the points. */
export interface Fit {
  readonly model: GrowthModel;
  readonly coefficients: readonly number[];
  /** Value minus fitted value, point by point. */
  readonly residuals: readonly number[];
  /** Residual sum of squares. */
  readonly rss: number;
  /** Share of the variance explained; NaN when the values do not vary. */
  readonly r2: number;
  /** Infinity when there are too few points for the correction. */
  readonly aicc: number;
  /** AICc minus the best model's. */
  readonly delta: number;
  /** Akaike weight: the chance, among these models, that this one predicts best. */
  readonly weight: number;
}

/** The fitted value at `n`. */
export function predict(fit: Pick<Fit, "model" | "coefficients">, n: number): number {
  return TERMS[fit.model].reduce((sum, term, i) => sum + (fit.coefficients[i] ?? 0) * term(n), 0);
}

/** The fit as text, e.g. `0.31 + 0.0042 n`. */
export function formulaOf(fit: Pick<Fit, "model" | "coefficients">): string {
  return fit.coefficients.map((coefficient, i) => {
    const size = Math.abs(coefficient).toPrecision(3);
    const sign = coefficient < 0 ? (i === 0 ? "-" : "- ") : (i === 0 ? "" : "+ ");
    const name = FORMULA[fit.model][i];
    return `${sign}${size}${name === "" ? "" : ` ${name}`}`;
  }).join(" ");
}

/** Every model fitted to the points, the best (lowest AICc) first. Empty when the sizes are fewer than three. */
export function compareGrowth(points: readonly Point[]): Fit[] {
  if (new Set(points.map((point) => point.n)).size < 3) return [];
  const fits = MODELS.map((model) => fitModel(model, points));
  const best = Math.min(...fits.map((fit) => fit.aicc));
  const deltaOf = (aicc: number) => aicc === best ? 0 : aicc - best;
  const total = fits.reduce((sum, fit) => sum + Math.exp(-deltaOf(fit.aicc) / 2), 0);
  return fits
    .map((fit) => ({ ...fit, delta: deltaOf(fit.aicc), weight: Math.exp(-deltaOf(fit.aicc) / 2) / total }))
    .sort((one, other) => one.aicc - other.aicc || MODELS.indexOf(one.model) - MODELS.indexOf(other.model));
}

function fitModel(model: GrowthModel, points: readonly Point[]): Omit<Fit, "delta" | "weight"> {
  const coefficients = leastSquares(points.map(({ n }) => TERMS[model].map((term) => term(n))), points);
  const residuals = points.map(({ n, value }) => value - predict({ model, coefficients }, n));
  const rss = residuals.reduce((sum, residual) => sum + residual * residual, 0);
  const average = points.reduce((sum, point) => sum + point.value, 0) / points.length;
  const total = points.reduce((sum, point) => sum + (point.value - average) ** 2, 0);
  return {
    model,
    coefficients,
    residuals,
    rss,
    r2: 1 - rss / total,
    aicc: aiccOf(rss, total, points.length, model),
  };
}

function aiccOf(rss: number, total: number, m: number, model: GrowthModel): number {
  const k = TERMS[model].length + 1;
  if (m - k - 1 <= 0) return Infinity;
  // Exact data: below the rounding of the arithmetic, a smaller residual means nothing.
  const floor = Math.max(total, Number.MIN_VALUE) * 1e-24;
  return m * Math.log(Math.max(rss, floor) / m) + 2 * k + (2 * k * (k + 1)) / (m - k - 1);
}

/** Solves the least squares problem by Gram-Schmidt orthogonalisation: the columns are few (at most three). */
function leastSquares(rows: readonly (readonly number[])[], points: readonly Point[]): number[] {
  const width = rows[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, j) => rows.map((row) => row[j] as number));
  const values = points.map((point) => point.value);
  const basis: number[][] = [];
  const r: number[][] = Array.from({ length: width }, () => Array<number>(width).fill(0));
  columns.forEach((column, j) => {
    let rest = column;
    // Twice is enough (Giraud et al. 2005) to keep the basis orthogonal to rounding.
    for (let pass = 0; pass < 2; pass++) {
      for (const [i, direction] of basis.entries()) {
        const part = dot(direction, rest);
        (r[i] as number[])[j] = (r[i]?.[j] ?? 0) + part;
        rest = rest.map((value, at) => value - part * (direction[at] as number));
      }
    }
    const length = Math.sqrt(dot(rest, rest));
    (r[j] as number[])[j] = length;
    basis.push(rest.map((value) => value / length));
  });
  const solution = Array<number>(width).fill(0);
  for (let j = width - 1; j >= 0; j--) {
    let right = dot(basis[j] as number[], values);
    for (let i = j + 1; i < width; i++) right -= (r[j]?.[i] ?? 0) * (solution[i] as number);
    solution[j] = right / (r[j]?.[j] ?? NaN);
  }
  return solution;
}

function dot(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, value, i) => sum + value * (other[i] as number), 0);
}
