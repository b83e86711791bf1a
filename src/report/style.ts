/**
 * The page's style sheet: system fonts, one accent, colours after Okabe and Ito (2008), which colour-blind readers can
 * tell apart, lighter on the dark page.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --ink: #1b1d21; --muted: #5b616a; --line: #e1e2e0; --heat: #0b5394;
  --model: #0b64a8; --bar: #9cc4e4; --always: #24272c; --random: #c96a00; --global: #00805d; --supervised: #b8447f;
  --series-1: #0b64a8; --series-2: #d55e00; --series-3: #009e73; --series-4: #b8447f; --series-5: #e08a00;
  --badge: #fff1d6; --badge-ink: #7a4a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121417; --card: #1a1d21; --ink: #e9ebee; --muted: #a3aab3; --line: #31363c; --heat: #7cc0f4;
    --model: #62b0ea; --bar: #2c5a80; --always: #eceef1; --random: #f2b042; --global: #3cc79c; --supervised: #e58bb9;
    --series-1: #62b0ea; --series-2: #f08a4b; --series-3: #3cc79c; --series-4: #e58bb9; --series-5: #f2b042;
    --badge: #43320f; --badge-ink: #ffd58a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 48px 24px 80px; }
.eyebrow { margin: 0; color: var(--muted); font-size: 13px; letter-spacing: .08em; text-transform: uppercase; }
h1 { margin: 4px 0 18px; font-size: 34px; line-height: 1.15; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 52px 0 6px; font-size: 22px; letter-spacing: -.01em; }
h2 + p { margin: 0 0 18px; max-width: 70ch; color: var(--muted); }
h3 { margin: 0 0 10px; font-size: 15px; }
.lead { max-width: 66ch; margin: 26px 0 0; font-size: 19px; line-height: 1.5; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px 24px; margin: 0; padding: 18px 0; border: solid var(--line); border-width: 1px 0; }
.facts .wide { grid-column: 1 / -1; }
dt { color: var(--muted); font-size: 13px; }
dd { margin: 0; overflow-wrap: anywhere; }
.badge { display: inline-block; margin-left: 6px; padding: 1px 8px; border-radius: 99px; background: var(--badge); color: var(--badge-ink); font-size: 12px; font-weight: 600; white-space: nowrap; }
.card { margin: 0 0 20px; padding: 20px 22px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.card svg[role=img] { display: block; width: 100%; height: auto; }
.scroll.chart > svg { min-width: 660px; }
figcaption { margin-top: 12px; max-width: 78ch; color: var(--muted); font-size: 14px; }
.stats { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; margin: 26px 0 20px; overflow: hidden; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.stats > div { padding: 14px 18px; box-shadow: 0 0 0 1px var(--line); }
.stats b { display: block; font-size: 30px; font-weight: 600; line-height: 1.25; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.stats .own b { color: var(--model); }
.stats span { display: block; font-size: 13px; line-height: 1.4; }
.stats span + span { color: var(--muted); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 8px; padding: 0; list-style: none; font-size: 13px; color: var(--muted); }
.legend li { display: flex; align-items: center; gap: 7px; }
.multiples { display: grid; grid-template-columns: repeat(auto-fit, minmax(225px, 1fr)); gap: 16px; }
.multiples .card { margin: 0; padding: 16px 16px 14px; }
.multiples figcaption { font-size: 13px; line-height: 1.45; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tfoot td { font-weight: 600; }
tfoot tr:first-child td { border-top: 1px solid var(--ink); }
tfoot tr + tr td { font-weight: 400; color: var(--muted); }
td.best { font-weight: 700; }
td.own, th.own { color: var(--model); }
.sheet { display: grid; grid-template-columns: repeat(var(--columns, auto-fill), minmax(0, 1fr)); gap: 12px 10px; }
.sheet.free { grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); }
.tile { margin: 0; }
.tile figcaption { margin-top: 4px; font-size: 12px; line-height: 1.3; }
.stack { position: relative; overflow: hidden; aspect-ratio: var(--ratio); border-radius: 6px; background: #000; }
.stack img { position: absolute; inset: 0; width: 100%; height: 100%; }
.stack .overlay { transition: opacity .15s; }
.stack:hover .overlay { opacity: 0; }
.scale { display: flex; align-items: center; gap: 10px; margin: 0 0 14px; font-size: 13px; color: var(--muted); }
.scale i { width: 140px; height: 10px; border-radius: 5px; }
.heatmap { margin: 0 auto; }
.heatmap text { font-size: 11px; font-variant-numeric: tabular-nums; }
.heatmap .axis { font-size: 12px; fill: var(--muted); }
.heatmap .value { fill: var(--ink); }
.heatmap .on-heat { fill: var(--card); }
.heatmap .cell { fill: none; stroke: var(--line); }
.plans { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 20px; }
.plans .card { margin: 0; }
footer { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--muted); font-size: 13px; max-width: 78ch; }
@media print { body { background: #fff; } .card { break-inside: avoid; } main { padding: 0; } }
`;
