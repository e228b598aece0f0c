/** What the interpreter wants of Vega's utilities: Vega's one file has them inside. */

import "vega";

const { vega } = /** @type {any} */ (globalThis);

export const { DisallowedObjectProperties, ascending, isString } = vega;
