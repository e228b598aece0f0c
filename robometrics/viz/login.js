/** Gives the token to the server, once, and goes where one wanted to. */

const TIMEOUT_MS = 10_000;

const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
const input = /** @type {HTMLInputElement} */ (document.getElementById("token"));
const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  button.disabled = true;
  const refusal = await logIn(input.value);
  button.disabled = false;
  input.value = "";
  if (refusal === null) {
    // The query alone is taken along, so it leads nowhere but to our own page.
    location.replace(new URL(`./${location.search}`, document.baseURI));
    return;
  }
  problem.textContent = refusal;
  input.setAttribute("aria-invalid", "true");
  input.focus();
});

/** Offer the way by a provider, if there is one; what was asked for goes along. */
async function offerProvider() {
  const response = await fetch(new URL("api/v1/login", document.baseURI));
  const section = document.getElementById("provider");
  const link = section?.querySelector("a");
  if (!section || !link || !(await response.json()).provider) return;
  link.href = `api/v1/oidc/login${location.search}`;
  section.hidden = false;
}

offerProvider().catch(() => {}); // then a token it is

/** @param {string} token @returns {Promise<string | null>} why not, for people */
async function logIn(token) {
  try {
    const response = await fetch(new URL("api/v1/login", document.baseURI), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return null;
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : `${response.status} ${response.statusText}`;
  } catch {
    return "the server does not answer: try again";
  }
}
