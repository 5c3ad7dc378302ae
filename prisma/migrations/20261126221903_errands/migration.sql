-- CreateTable
CREATE TABLE "errand" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "step" INTEGER,
    "options" JSONB NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "reason" TEXT,
    "message" TEXT,
    "progress" JSONB,
    "result" JSONB,
    "owner" TEXT,
    "lease_until" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "started_at" TIMESTAMPTZ(6),
    "finished_at" TIMESTAMPTZ(6),

    CONSTRAINT "errand_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "errand_state_idx" ON "errand"("state");
