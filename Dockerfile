# The image is one static binary on nothing, run by nobody in particular.
#
#   docker build -t bellhop .                      builds the program in the image build
#   docker build -t bellhop --target prebuilt .    takes the one that was built outside:
#     RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --target x86_64-unknown-linux-gnu
#
# Builders skip the stages that the wanted one does not need; podman does so
# from 4.4 on, before that ask for --target prebuilt.

FROM scratch AS base
USER 65532:65532
EXPOSE 5060/udp 5060/tcp 5066/tcp
# SIGTERM ends it: PID 1 handles it itself.
ENTRYPOINT ["/bellhop"]
CMD ["run", "--config", "/etc/bellhop/bellhop.toml"]

FROM base AS prebuilt
COPY target/x86_64-unknown-linux-gnu/release/bellhop /bellhop

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The target is named so that the flags are not applied to build scripts.
RUN host=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target "$host" \
    && cp "target/$host/release/bellhop" /bellhop

FROM base
COPY --from=build /bellhop /bellhop
