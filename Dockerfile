# Two targets: `cpu` (slim, the default) and `gpu` (for NVIDIA cards: our own back end `cuda`, and @tensorflow/tfjs-node-gpu where its download succeeds).
#   docker build --target cpu -t tiresias .
#   docker build --target gpu -t tiresias:gpu .
# The embedded PostgreSQL is for one machine; with DATABASE_URL set it is not used.

FROM node:20.20-bookworm-slim AS sources
WORKDIR /opt/tiresias
COPY package.json package-lock.json ./
COPY scripts/bootstrap.mjs scripts/no-schema-engine.sh scripts/
COPY bin bin
COPY prisma prisma
COPY prisma.config.ts tsconfig.json tsconfig.build.json vite.config.ts ./
COPY augmentation augmentation
COPY jobs jobs
COPY native native
COPY src src
COPY suite suite

FROM sources AS cpu-build
RUN apt-get update && apt-get install -y --no-install-recommends g++ make libdnnl-dev
RUN node scripts/bootstrap.mjs && find native/build -mindepth 1 -maxdepth 1 ! -name '*.node' ! -name '.tiresias-*' -exec rm -r {} +

FROM node:20.20-bookworm-slim AS cpu
RUN apt-get update && apt-get install -y --no-install-recommends libdnnl2 libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=cpu-build /opt/tiresias /opt/tiresias
WORKDIR /opt/tiresias
ENV TIRESIAS_HOME=/var/lib/tiresias TIRESIAS_HOST=0.0.0.0
RUN node bin/tiresias.mjs doctor && mkdir -p /var/lib/tiresias && chown node:node /var/lib/tiresias
USER node
VOLUME /var/lib/tiresias
EXPOSE 8642
ENTRYPOINT ["node", "/opt/tiresias/bin/tiresias.mjs"]
CMD ["up"]

# tfjs-node-gpu 4.22 binds libtensorflow 2.9, which wants CUDA 11.2 or newer of the 11 series and cuDNN 8.
FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04 AS gpu-build
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ ca-certificates
COPY --from=node:20.20-bookworm-slim /usr/local /usr/local
COPY --from=sources /opt/tiresias /opt/tiresias
WORKDIR /opt/tiresias
# The set-up builds `cuda` only where a card answers; here it is built for every card.
RUN node scripts/bootstrap.mjs && make -C native cuda && find native/build -mindepth 1 -maxdepth 1 ! -name '*.node' ! -name '.tiresias-*' -exec rm -r {} +

FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04 AS gpu
COPY --from=node:20.20-bookworm-slim /usr/local /usr/local
COPY --from=gpu-build /opt/tiresias /opt/tiresias
WORKDIR /opt/tiresias
ENV TIRESIAS_HOME=/var/lib/tiresias TIRESIAS_HOST=0.0.0.0
RUN node bin/tiresias.mjs doctor && useradd --create-home tiresias && mkdir -p /var/lib/tiresias && chown tiresias:tiresias /var/lib/tiresias
USER tiresias
VOLUME /var/lib/tiresias
EXPOSE 8642
ENTRYPOINT ["node", "/opt/tiresias/bin/tiresias.mjs"]
CMD ["up"]
