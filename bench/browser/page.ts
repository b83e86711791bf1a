/** The page that `npm run bench -- --chrome` drives: orders come in through `zygoBench`, reports go out through `zygoReport`. */
import { BenchClient } from './client.js';
import type { Order } from './protocol.js';

/** What the driver and the page have in common. */
export interface BenchPage {
  /** Put there by the page: starts an order. */
  zygoBench(order: Order): void;
  /** Put there by the driver: takes a report as JSON. */
  zygoReport(report: string): void;
}

const page = globalThis as unknown as BenchPage;
const client = new BenchClient(new URL('worker.js', location.href), (report) => page.zygoReport(JSON.stringify(report)));
page.zygoBench = (order) => client.start(order);
