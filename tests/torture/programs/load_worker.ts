/** Does its share of the work of `load.ts`. */
import { workOn } from "./load_work.ts";

const scope = self as unknown as Worker;

scope.onmessage = async ({ data: { directory, files, duration_ms } }) => {
  scope.postMessage(await workOn(directory, files, duration_ms));
  self.close();
};
