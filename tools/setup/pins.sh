# shellcheck shell=bash disable=SC2034
# The pinned engine. node-llama-cpp carries the full llama.cpp repository of its release as a git bundle, which makes
# the source available wherever the npm registry is. To move the pin: change the three values, run ./check --deep.
LLAMA_VERSION=v0.5.0
LLAMA_COMMIT=de3ff81
LLAMA_NPM_PACKAGE=node-llama-cpp@3.22.1
LLAMA_NPM_SHA512=6e5b488a9b9699cd76dc7eed30880318a4ac4ab866865418795502e3c5d38d55bb5c624988927209d95333343f2e25a83e4183a5c2f816f883a60c3ba9f4e20f
