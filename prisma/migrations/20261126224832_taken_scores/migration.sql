-- AlterTable
ALTER TABLE "shared_run" ADD COLUMN     "scoring" TEXT;

-- CreateTable
CREATE TABLE "taken_score" (
    "run_id" UUID NOT NULL,
    "from_run_id" UUID NOT NULL,
    "step" INTEGER NOT NULL,
    "benchmark" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "settings" TEXT NOT NULL,

    CONSTRAINT "taken_score_pkey" PRIMARY KEY ("run_id","step","benchmark","protocol","settings")
);

-- CreateIndex
CREATE INDEX "taken_score_from_run_id_idx" ON "taken_score"("from_run_id");

-- AddForeignKey
ALTER TABLE "taken_score" ADD CONSTRAINT "taken_score_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "run"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "taken_score" ADD CONSTRAINT "taken_score_from_run_id_step_benchmark_protocol_settings_fkey" FOREIGN KEY ("from_run_id", "step", "benchmark", "protocol", "settings") REFERENCES "evaluation"("run_id", "step", "benchmark", "protocol", "settings") ON DELETE NO ACTION ON UPDATE CASCADE;

-- Claims of all scores of a published checkpoint together: no job asks for such keys any more, nor goes on with a run that was taken so and is not at its end.
DELETE FROM "shared_run" WHERE "part" = 'published';
UPDATE "run" SET "taken_from_id" = NULL WHERE "arm" = 'published' AND "state" <> 'succeeded';
