#!/bin/sh
echo "no native schema engine here: the server applies prisma/migrations itself; write a new one with: npm run db:new NAME" >&2; exit 1
