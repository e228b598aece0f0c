// Vega is as large as it is typed; the page uses three of its functions, and says how.
declare module "vega";
declare module "vega-lite";
declare module "vega-interpreter";
