/** Asks for the status of descriptor 9, which another program has opened. */
import { AioFile } from "../../mod.ts";
import { particularsOf } from "./particulars.ts";

const file = AioFile.adopt(9, { closeFd: false });
console.log(JSON.stringify(await particularsOf(file.stat())));
