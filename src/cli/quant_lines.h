// What `loco quants` says of a study: tables and lines for people, JSON and CSV for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/quant_levels.h"
#include "eval/quant_study.h"

namespace loco {

// One model with everything that was measured of it.
struct StudiedModel {
  std::string name;  // as in the store, hostile
  int64_t parameters = 0;
  std::vector<MeasuredLevel> measured;  // the reference first
  QuantStudy study;
  std::vector<std::string> failures;  // "Q4_K_M: why"
};

// The measurements of a level of the study.
const MeasuredLevel& MeasuredNamed(const StudiedModel& model, const std::string& level);

// Tables and lines, each line ended.
std::string StudyText(const StudiedModel& model, const QuantStudyOptions& options);
std::string RankFlipText(const std::vector<RankFlip>& flips);

nlohmann::ordered_json StudyJson(const StudiedModel& model);
nlohmann::ordered_json RankFlipJson(const RankFlip& flip);

// A header and a row for every level on all tasks together and on each task, in RFC 4180; shares from 0 to 1.
std::string StudyCsv(const std::vector<StudiedModel>& models);

}  // namespace loco
