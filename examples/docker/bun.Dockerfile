# A program that uses posix-aio on Bun. Of Debian, because Alpine's C library is
# one that the library was compiled against only.
FROM oven/bun:1-slim
WORKDIR /app
COPY package.json bun.lock ./
# koffi's own script is not needed: what it executes comes as a package.
RUN bun install --frozen-lockfile --production --ignore-scripts
COPY main.mjs ./
# A new volume has the owner of the directory that it is mounted on.
RUN mkdir /data && chown bun /data
USER bun
CMD ["bun", "main.mjs"]
