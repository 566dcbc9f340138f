// Reads a struct aiocb and a struct timespec from standard input and prints
// their fields as JSON, as this C library's headers see them.
#define _GNU_SOURCE
#include <aio.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define PRINT(name, value) printf("\"%s\":\"%lld\",", name, (long long)(value))

int main(void) {
  struct aiocb cb;
  struct timespec ts;
  if (fread(&cb, sizeof cb, 1, stdin) != 1) return 1;
  if (fread(&ts, sizeof ts, 1, stdin) != 1) return 1;
  printf("{");
  PRINT("fildes", cb.aio_fildes);
  PRINT("lio_opcode", cb.aio_lio_opcode);
  PRINT("reqprio", cb.aio_reqprio);
  PRINT("buf", (uintptr_t)cb.aio_buf);
  PRINT("nbytes", cb.aio_nbytes);
  PRINT("offset", cb.aio_offset);
  PRINT("notify", cb.aio_sigevent.sigev_notify);
  PRINT("signo", cb.aio_sigevent.sigev_signo);
  PRINT("value", cb.aio_sigevent.sigev_value.sival_int);
  PRINT("function", (uintptr_t)cb.aio_sigevent.sigev_notify_function);
  PRINT("attributes", (uintptr_t)cb.aio_sigevent.sigev_notify_attributes);
  PRINT("tv_sec", ts.tv_sec);
  printf("\"tv_nsec\":\"%lld\"}\n", (long long)ts.tv_nsec);
  return 0;
}
