/** Who is logged in, and the way out; nothing where nobody has to log in. */

import { logOut } from "../api.js";
import { html } from "../dom.js";
import { me } from "../state.js";

export function Who() {
  if (me.value === null || me.value.login === "off") return null;
  const { name, scope } = me.value;
  return html`
    <span class="who" title=${`logged in; may ${scope}`}>${name}</span>
    <button type="button" onClick=${logOut}>Log out</button>
  `;
}
