/** Markup as tagged templates; every value is escaped, so names may be hostile. */

import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
