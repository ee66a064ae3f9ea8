// Bundles the page into one HTML file: node page/build.mjs ESBUILD FOLDER_OF_NODE_MODULES OUT
//
// Script and style are inline, and the Content-Security-Policy names them by their hashes: nothing else runs,
// whatever gets into the page. report/html_page.cpp fills in the rest (title, essentials, data, connect-src).
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [esbuild, modules, out] = process.argv.slice(2);
const source = dirname(fileURLToPath(import.meta.url));

function bundled(file, ...options) {
  return execFileSync(
    esbuild,
    // d3-flame-graph asks for its data by the name of a class.
    [
      join(source, file),
      "--bundle",
      "--minify",
      "--keep-names",
      "--charset=ascii",
      "--log-level=warning",
      "--legal-comments=none",
      "--target=chrome100,firefox100,safari15.4",
      ...options,
    ],
    { encoding: "utf8", env: { ...process.env, NODE_PATH: modules }, maxBuffer: 1 << 26 },
  ).trim();
}

// A closing tag inside a string would end the element.
const inScript = (code) => code.replaceAll("</", "<\\/").replaceAll("<!--", "<\\!--");
const hash = (text) => `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;

// The library brings a style of its own; style.css has ours.
const script = inScript(bundled("src/main.js", "--format=iife", "--loader:.css=empty"));
const early = inScript(bundled("src/early.js", "--format=iife"));
const style = bundled("src/style.css");
if (style.includes("</")) throw new Error("the style sheet would end its element");

// Whoever passes the page on passes on the libraries in it: their licences come along, each text once.
function licences() {
  const packages = new Map();
  for (const name of readdirSync(modules).sort()) {
    const about = join(modules, name, "package.json");
    if (name.startsWith(".") || !existsSync(about)) continue;
    const { version } = JSON.parse(readFileSync(about, "utf8"));
    const text = readFileSync(join(modules, name, "LICENSE"), "utf8").trim();
    packages.set(text, [...(packages.get(text) ?? []), `${name} ${version}`]);
  }
  const parts = [...packages].map(([text, names]) => `${names.join(", ")}:\n\n${text}`);
  return parts.join("\n\n").replaceAll(/--+/g, "-");
}

const marks = {
  "%LICENCES%": licences(),
  "%SCRIPT_HASHES%": `${hash(early)} ${hash(script)}`,
  "%STYLE_HASH%": hash(style),
  "%STYLE%": style,
  "%EARLY_SCRIPT%": early,
  "%SCRIPT%": script,
};
const template = readFileSync(join(source, "index.html"), "utf8");
writeFileSync(
  out,
  template.replace(/%(LICENCES|SCRIPT_HASHES|STYLE_HASH|STYLE|EARLY_SCRIPT|SCRIPT)%/g, (mark) => marks[mark]),
);
