/**
 * Visits the site of the documentation in a frame, as a reader does, and sends
 * what it has seen to where it comes from.
 *
 * @module
 */

const TRY_AGAIN_MS = 20;

const frame = document.querySelector("iframe");
const page = () => frame.contentDocument;
const one = (selector) => page().querySelector(selector);

/** What `find` returns as soon as that is anything; the test has a time limit. */
async function until(find) {
  for (;;) {
    const found = find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
}

async function open(path) {
  await new Promise((resolve) => {
    frame.addEventListener("load", resolve, { once: true });
    frame.src = path;
  });
}

/** Until Vue has taken over, a button does nothing. */
const isAlive = () => one("#app")?.__vue_app__;

/** The color behind the page, or of a part of a chart. */
function colorOf(selector, property) {
  return frame.contentWindow.getComputedStyle(one(selector))[property];
}

async function visitFrontPage() {
  await open("/");
  await until(isAlive);
  const seen = {
    heading: heading(),
    dark: colorOf("body", "backgroundColor"),
  };
  const appearance = await until(() => one(".VPSwitchAppearance"));
  appearance.click();
  await until(() => !page().documentElement.classList.contains("dark"));
  return { ...seen, light: colorOf("body", "backgroundColor") };
}

/** The text of the page's title, without the link to it. */
const heading = () => one("main h1")?.firstChild.textContent.trim();

/** Looks for words, and follows the link to a page that has them. */
async function search(words, name) {
  await open("/");
  await until(isAlive);
  const before = heading();
  one("#local-search button").click();
  const input = await until(() => one("input.search-input"));
  input.value = words;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  const link = await until(() => one(`a.result[href*='${name}']`));
  link.click();
  await until(() => heading() && heading() !== before);
  return { heading: heading(), path: frame.contentWindow.location.pathname };
}

async function visitReference() {
  await open("/docs/");
  await until(isAlive);
  const loaded = new Promise((resolve) =>
    frame.addEventListener("load", resolve, { once: true })
  );
  one("nav a[href='/reference/index.html']").click();
  await loaded;
  const link = await until(() => one("a[href$='/~/AioFile.html']"));
  await open(link.href);
  return page().body.textContent.includes("readAt");
}

async function visitChart(path) {
  await open(path);
  return {
    background: colorOf("rect", "fill"),
    text: colorOf("text", "fill"),
  };
}

async function visitBenchmarks() {
  await open("/docs/benchmarks.html");
  const images = await until(() => {
    const images = [...page().querySelectorAll("main img")];
    return images.length > 0 && images.every(({ complete }) => complete) &&
      images;
  });
  return images.map(({ naturalWidth }) => naturalWidth);
}

async function visit() {
  return {
    front: await visitFrontPage(),
    found: await search("group commit", "durable-writes"),
    hasReference: await visitReference(),
    chart: await visitChart("/docs/bench/warm_depth_32.svg"),
    imageWidths: await visitBenchmarks(),
  };
}

const seen = await visit().catch((error) => ({ error: String(error.stack) }));
await fetch("/seen", { method: "POST", body: JSON.stringify(seen) });
