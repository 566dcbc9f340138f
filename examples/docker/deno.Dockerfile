# A program that uses @posix/aio on Deno.
FROM denoland/deno:debian-2.9.6
WORKDIR /app
USER deno
COPY deno.json deno.lock main.ts ./
RUN deno install --frozen --entrypoint main.ts
# FFI, and the files in the volume. Of the network it needs nothing.
CMD ["deno", "run", "--cached-only", "--allow-ffi", "--allow-read=/data", "--allow-write=/data", "main.ts"]
