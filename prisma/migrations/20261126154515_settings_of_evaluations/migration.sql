-- AlterTable
ALTER TABLE "evaluation" DROP CONSTRAINT "evaluation_pkey",
ADD COLUMN     "settings" TEXT NOT NULL DEFAULT '{}',
ADD CONSTRAINT "evaluation_pkey" PRIMARY KEY ("run_id", "step", "benchmark", "protocol", "settings");
