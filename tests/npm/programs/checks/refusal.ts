/** What the C interface promises where the C library cannot be called. */
import {
  aio_cancel,
  aio_suspend,
  Aiocb,
  AioError,
  limits,
  lio_listio,
  LIO_NOWAIT,
  supported,
} from "@posix/aio";
import assert from "node:assert/strict";
import type { Checks } from "./kit.ts";

const CALLS: Record<string, () => unknown> = {
  "new Aiocb()": () => new Aiocb(),
  "aio_cancel()": () => aio_cancel(0),
  "limits()": limits,
};

export const refusalChecks: Checks = {
  "the C interface says what is missing, and that files work": async () => {
    const { reason } = supported();
    assert.match(reason!, /; files work without it, by the engine "fs"$/);
    const isReason = (error: Error) => {
      assert.ok(error instanceof AioError);
      assert.equal(error.code, "ENOSYS");
      assert.ok(error.message.startsWith(`${reason}: `), error.message);
      return true;
    };
    for (const call of Object.values(CALLS)) assert.throws(call, isReason);
    await assert.rejects(async () => {
      await lio_listio(LIO_NOWAIT, [null]);
    }, isReason);
    for (const list of [[], [null]]) {
      await assert.rejects(() => aio_suspend(list, 0), isReason);
    }
  },
};
