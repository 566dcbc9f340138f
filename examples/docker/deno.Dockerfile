# A program that uses @posix/aio on Deno.
FROM denoland/deno:debian-2.9.6
WORKDIR /app
# A new volume has the owner of the directory that it is mounted on.
RUN mkdir /data && chown deno /data
USER deno
COPY deno.json deno.lock main.ts ./
RUN deno install --frozen --entrypoint main.ts
# FFI, the choice of an engine, and the files in the volume. It needs no network.
CMD ["deno", "run", "--cached-only", "--allow-ffi", "--allow-env=POSIX_AIO_ENGINE", "--allow-read=/data", "--allow-write=/data", "main.ts"]
