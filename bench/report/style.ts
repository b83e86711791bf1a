/** What the benchmark's report adds to the training report's style sheet. */
export const BENCH_STYLE = `
.scroll td, .scroll th { font-size: 13px; }
.scroll td:first-child, .scroll th:first-child { min-width: 240px; max-width: 420px; white-space: normal; overflow-wrap: anywhere; }
.scroll th:nth-child(2), .scroll td:nth-child(2) { text-align: right; }
table.rows td, table.rows th { padding: 6px 7px; }
.scroll table.rows td:first-child, .scroll table.rows th:first-child { position: sticky; left: 0; min-width: 300px; background: var(--page); text-align: left; }
table.left th, table.left td { text-align: left; white-space: normal; vertical-align: top; }
.good { color: var(--series-3); font-weight: 600; } .bad { color: var(--series-2); font-weight: 600; }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); gap: 16px; }
.scroll + .pairs { margin-top: 20px; }
.pairs .card { margin: 0; padding: 16px 18px 14px; display: flex; flex-direction: column; }
.pairs h3 { font-size: 14px; line-height: 1.35; font-weight: 600; overflow-wrap: anywhere; }
.pairs figcaption { margin-top: auto; padding-top: 10px; font-size: 13px; line-height: 1.45; }
.bars { display: grid; grid-template-columns: minmax(90px, max-content) 1fr max-content; gap: 5px 12px; align-items: center; font-size: 13px; font-variant-numeric: tabular-nums; }
.bars .row { display: contents; }
.bars .name { max-width: 300px; overflow-wrap: anywhere; line-height: 1.3; }
.bars .track { height: 15px; min-width: 40px; }
.bars .track i { display: block; height: 100%; min-width: 2px; border-radius: 0 3px 3px 0; }
.bars .value { text-align: right; color: var(--muted); white-space: nowrap; }
.bars .value b { color: var(--ink); font-weight: 600; }
.tag { display: inline-block; margin-left: 6px; padding: 0 6px; border: 1px solid var(--line); border-radius: 99px; color: var(--muted); font-size: 11px; line-height: 1.5; white-space: nowrap; }
.growth { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 16px; }
.growth .card { margin: 0; padding: 16px; }
h2 .badge { vertical-align: 3px; } h3 .tag { font-weight: 400; }
details { margin: 12px 0; } summary { cursor: pointer; color: var(--muted); font-size: 14px; }
@media (max-width: 560px) {
  main { padding: 28px 14px 60px; } h1 { font-size: 26px; } .card { padding: 16px 14px; }
  .stats b { font-size: 20px; }
  .scroll table.rows td:first-child, .scroll table.rows th:first-child { min-width: 160px; max-width: 160px; font-size: 12px; line-height: 1.35; }
  .bars { display: block; } .bars .row { display: grid; grid-template-columns: 1fr max-content; gap: 3px 10px; margin-bottom: 9px; }
  .bars .name { max-width: none; } .bars .track { order: 3; grid-column: 1 / -1; height: 10px; }
}
`;
