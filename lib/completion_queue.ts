import { int32 } from "./arguments.ts";
