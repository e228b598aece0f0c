/**
 * What foreign script would try, were there a way in: served by the server itself, since
 * what a debugger runs is not held by a page's policy. Each attempt tells whether it came
 * through; together they are in `data-attempts` of the document.
 */

/** The same server under another name is another origin. */
const FOREIGN = location.origin.replace("127.0.0.1", "localhost");

const loadsForeignImage = () =>
  new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = `${FOREIGN}/static/icon.svg`;
  });

const attempts = {
  "inline script": () => {
    const script = document.createElement("script");
    script.append("document.documentElement.dataset.inline = 'ran'");
    document.body.append(script);
    return document.documentElement.dataset.inline === "ran";
  },
  "inline handler": () => {
    const button = document.createElement("button");
    button.setAttribute("onclick", "document.documentElement.dataset.handler = 'ran'");
    button.click();
    return document.documentElement.dataset.handler === "ran";
  },
  "inline style": () => {
    const style = document.createElement("style");
    style.append("body { color: rgb(1, 2, 3) }");
    document.head.append(style);
    return getComputedStyle(document.body).color === "rgb(1, 2, 3)";
  },
  eval: () => eval("1") === 1,
  "new Function": () => new Function("return 1")() === 1,
  innerHTML: () => {
    document.createElement("div").innerHTML = "<b></b>";
    return true;
  },
  "foreign image": loadsForeignImage,
  "foreign request": () => fetch(FOREIGN, { mode: "no-cors" }).then(() => true),
};

const results = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    results[name] = await attempt();
  } catch {
    results[name] = false;
  }
}
document.documentElement.dataset.attempts = JSON.stringify(results);
