/** Vega-Lite, as a file that is loaded only once someone wants to see it. */

import "vega";
import "vega-lite";
import { expressionInterpreter } from "vega-interpreter";

// Both are made for `<script>` and leave themselves here; as modules they need no
// address built at run time, which Trusted Types would refuse.
const { vega, vegaLite } = /** @type {any} */ (globalThis);

/** @typedef {{toSVG(): Promise<string>, toCanvas(scale: number): Promise<HTMLCanvasElement>, runAsync(): Promise<unknown>, finalize(): void}} Drawn */

/**
 * Draw *spec*, with expressions interpreted: the page's policy allows no eval.
 * @param {import("./spec.js").Spec} spec
 * @param {HTMLElement} element
 * @returns {Promise<Drawn>}
 */
export async function draw(spec, element) {
  const { spec: compiled } = vegaLite.compile(spec, { logger: vega.logger(vega.Error) });
  const runtime = vega.parse(compiled, undefined, { ast: true });
  const view = new vega.View(runtime, {
    container: element,
    expr: expressionInterpreter,
    hover: true,
    loader: NOTHING_LOADED,
    logLevel: vega.Error,
    renderer: "canvas",
  });
  await view.runAsync();
  return view;
}

/** A picture has its data in it, and fetches nothing. */
const NOTHING_LOADED = {
  load: () => Promise.reject(new Error("nothing is loaded")),
  sanitize: () => Promise.reject(new Error("nothing is linked")),
};
