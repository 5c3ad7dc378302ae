-- AlterTable
ALTER TABLE "run" ADD COLUMN     "taken_from_id" UUID;

-- CreateTable
CREATE TABLE "shared_run" (
    "key" TEXT NOT NULL,
    "part" TEXT NOT NULL,
    "job_id" UUID NOT NULL,
    "is_done" BOOLEAN NOT NULL DEFAULT false,
    "burn_in" JSONB,
    "claimed_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "shared_run_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "shared_run_job_id_idx" ON "shared_run"("job_id");

-- CreateIndex
CREATE INDEX "run_taken_from_id_idx" ON "run"("taken_from_id");

-- AddForeignKey
ALTER TABLE "run" ADD CONSTRAINT "run_taken_from_id_fkey" FOREIGN KEY ("taken_from_id") REFERENCES "run"("id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "shared_run" ADD CONSTRAINT "shared_run_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;
