// Opens pages in Chromium as the jobs on standard input say, one after the other, and prints what it saw of each, as JSON.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const jobs = JSON.parse(await text(process.stdin));
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });

async function seen(job) {
  const context = await browser.newContext({
    viewport: { width: job.width, height: job.height ?? 900 },
    colorScheme: job.scheme,
    javaScriptEnabled: job.script,
  });
  const page = await context.newPage();
  const found = { complaints: [], requests: [] };
  page.on("console", (message) => found.complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => found.complaints.push(`error: ${error.message}`));
  page.on("request", (request) => found.requests.push(request.url()));
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.goto(`file://${job.file}`);
  const { metrics } = await session.send("Performance.getMetrics");
  found.times = await page.evaluate(() => ({
    loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
    painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
  }));
  found.times.processor = metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  found.width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (job.shot) await page.screenshot({ path: job.shot, clip: { x: 0, y: 0, width: job.width, height: job.height } });
  if (job.keys) found.keys = await walk(page, job.keys);
  if (job.filter) found.filtered = await filtered(page, job.filter);
  if (job.click) found.clicked = await clicked(page);
  if (job.axe) found.violations = await violations(page, job.axe === "open");
  if (job.print) found.printed = await printed(page, job.print);
  await context.close();
  return found;
}

// The element that each press of Tab reaches, and whether Enter opens the first node.
async function walk(page, presses) {
  const reached = [];
  for (let press = 0; press < presses; press += 1) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => {
      const at = document.activeElement;
      const outlined = getComputedStyle(at).outlineStyle !== "none";
      return { name: at.localName, id: at.id, inNode: at.parentElement?.classList.contains("node") ?? false, outlined };
    }));
    if (reached.at(-1).inNode) break;
  }
  await page.keyboard.press("Enter");
  const opened = await page.evaluate(() => document.activeElement.parentElement.open === true);
  return { reached, opened };
}

async function filtered(page, words) {
  await page.fill("#filter", words);
  return page.evaluate(() => {
    const shown = (each) => each.checkVisibility();
    const names = (selector) => [...document.querySelectorAll(selector)].filter(shown)
      .map((each) => each.querySelector(".name").textContent);
    return { rows: names(".row"), nodes: names(".node"), count: document.getElementById("filtered").textContent };
  });
}

async function clicked(page) {
  await page.locator("details.node > summary").first().click();
  const isSeen = await page.locator("details.node").first().locator(".finding").first().isVisible();
  return { isSeen, filter: await page.locator("#filter").isVisible() };
}

async function violations(page, isOpen) {
  if (isOpen) await page.evaluate(() => { for (const each of document.querySelectorAll("details")) each.open = true; });
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(({ id, help, nodes }) => ({ id, help, where: nodes.slice(0, 3).map((each) => each.html) }));
}

async function printed(page, path) {
  await page.emulateMedia({ media: "print" });
  const hidden = await page.evaluate(() =>
    [...document.querySelectorAll(".finding, .evidence table")].filter((each) => !each.getBoundingClientRect().height).length);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.screenshot({ path, clip: { x: 0, y: 0, width, height: 4000 }, fullPage: true });
  return { hidden, width };
}

const answers = [];
for (const job of jobs) answers.push(await seen(job));
await browser.close();
console.log(JSON.stringify(answers));
