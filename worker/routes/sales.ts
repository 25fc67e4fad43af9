import { createRoute, z } from "@hono/zod-openapi";
import { SLUG } from "../../schema/ids.ts";
import { gateActor } from "../actors.ts";
import { saleToWire } from "../api/present.ts";
import { answer, refusals, routes } from "../api/routes.ts";
import { Sale, SaleList } from "../api/schemas.ts";
import { problem } from "../problem.ts";
import { listSales } from "../read-models/catalogue.ts";

const list = createRoute({
  method: "get",
  path: "/v1/sales",
  tags: ["Sales"],
  summary: "All sales, the newest opening first",
  responses: { 200: answer("The sales.", SaleList), ...refusals("overloaded") },
});

const read = createRoute({
  method: "get",
  path: "/v1/sales/{sale}",
  tags: ["Sales"],
  summary: "A sale and what is left of it",
  request: { params: z.object({ sale: z.string() }) },
  responses: { 200: answer("The sale.", Sale), ...refusals("not_found") },
});

export const sales = routes()
  .openapi(list, async (c) => {
    const known = await listSales(c.env.DB);
    const views = await Promise.all(known.map(({ id }) => gateActor(c.env, id).view()));
    return c.json({ data: views.filter((view) => view !== null).map(saleToWire) }, 200);
  })
  .openapi(read, async (c) => {
    const { sale } = c.req.valid("param");
    const view = SLUG.test(sale) ? await gateActor(c.env, sale).view() : null;
    return view ? c.json(saleToWire(view), 200) : problem(c, { code: "not_found" });
  });
