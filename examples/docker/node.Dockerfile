# A program that uses posix-aio on Node. Of Debian, because Alpine's C library is
# one that the library was compiled against only.
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json ./
# koffi's own script is not needed: what it executes comes as a package.
RUN npm ci --omit=dev --ignore-scripts
COPY main.mjs ./
# A new volume has the owner of the directory that it is mounted on.
RUN mkdir /data && chown node /data
USER node
CMD ["node", "main.mjs"]
