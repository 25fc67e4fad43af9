import { makePrepared } from "../system/prepared.ts";

/** Before the first file, so that files that run beside each other all find it made. */
export const setup = makePrepared;
