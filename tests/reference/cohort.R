# A made-up cohort of 60 participants and 90 controls, and every figure of it by R.
# Rscript cohort.R   (survival 3.5-3, jsonlite); writes cohort.csv and cohort.json beside itself.
library(survival)
library(jsonlite)
set.seed(20160501)
cutoff <- as.Date("2021-12-31")
n <- 150
group <- rep(c("participant", "control"), c(60, 90))
started <- as.Date("2016-05-02") + floor(runif(n, 0, 1900))
days <- floor(rweibull(n, 1.1, 520)) + 3
cause <- sample(c("work", "studies", "social_insurance", "moved", "deceased", "other", "other"), n,
                TRUE, c(.25, .1, .1, .15, .04, .26, .1))
assessment <- ifelse(cause == "other", sample(c("positive", "negative"), n, TRUE), "")
closed <- started + days
is_closed <- closed <= cutoff
# For controls only moves and deaths are recorded; the others are followed to the cut-off.
is_closed[group == "control" & !(cause %in% c("moved", "deceased"))] <- FALSE
cohort <- data.frame(
  household_id = sprintf("h%03d", 1:n), group = group,
  referred_on = started - floor(runif(n, 0, 200)), started_on = started,
  closed_on = ifelse(is_closed, format(closed), ""),
  closure_reason = ifelse(is_closed, cause, ""),
  closure_assessment = ifelse(is_closed, assessment, ""),
  months_on_support = floor(rexp(n, 1 / 40)), children = rpois(n, 2),
  applicant_is_woman = rbinom(n, 1, .7)
)
write.csv(cohort, "cohort.csv", row.names = FALSE, quote = FALSE)

cohort <- read.csv("cohort.csv", stringsAsFactors = FALSE)
month <- function(d) { d <- as.POSIXlt(d); d$year * 12 + d$mon }
start <- as.Date(cohort$started_on)
end <- as.Date(ifelse(cohort$closed_on == "", format(cutoff), cohort$closed_on))
cohort$months <- month(end) - month(start)
cohort$stay <- as.numeric(end - start) / 30.4375
cohort$is_closed <- cohort$closed_on != ""
aim <- c("work", "subsidised_work", "sheltered_work", "studies", "social_insurance")
cause_of <- function(reason, assessment, aim) {
  out <- ifelse(reason %in% aim, "self_sufficiency",
         ifelse(reason == "moved", "moved", ifelse(reason == "deceased", "deceased",
         ifelse(assessment == "positive", "other_positive", "negative"))))
  ifelse(reason == "", "", out)
}
causes <- c("self_sufficiency", "moved", "deceased", "other_positive", "negative")
variants <- list(default = aim, published = c(aim, "moved"), strict = c("work", "studies"))
wilson <- function(x, n) { ci <- suppressWarnings(prop.test(x, n, correct = FALSE)$conf.int); c(x / n, ci) }
student <- function(v) if (length(v) > 1) c(mean(v), t.test(v)$conf.int) else c(mean(v), NA, NA)
part <- cohort[cohort$group == "participant", ]
naive <- entered <- within12 <- times <- list()
for (v in names(variants)) {
  k <- cause_of(part$closure_reason, part$closure_assessment, variants[[v]])
  followed <- month(cutoff) - month(as.Date(part$started_on)) >= 12
  for (cs in causes) {
    naive[[v]][[cs]] <- wilson(sum(k == cs), sum(part$is_closed))
    entered[[v]][[cs]] <- wilson(sum(k == cs), nrow(part))
    within12[[v]][[cs]] <- wilson(sum(k == cs & part$months <= 12 & followed), sum(followed))
    if (any(k == cs)) times[[v]][[cs]] <- student(part$stay[k == cs])
  }
  times[[v]][["all"]] <- student(part$stay[part$is_closed])
}
# Cumulative incidence by survfit for a factor status; log(-log) interval of the incidence.
curve <- function(d, at) {
  k <- cause_of(d$closure_reason, d$closure_assessment, aim)
  status <- factor(ifelse(k == "", "open", k), levels = c("open", causes))
  # survfit treats time 0 apart: all times are moved by one half.
  fit <- survfit(Surv(d$months + .5, status) ~ 1)
  s <- summary(fit, times = at + .5, extend = TRUE)
  z <- qnorm(.975)
  lapply(setNames(causes, causes), function(cs) {
    if (!(cs %in% fit$states)) return(NULL)
    j <- match(cs, fit$states)
    p <- s$pstate[, j]; se <- s$std.err[, j]
    th <- se / ((1 - p) * -log(1 - p))
    list(estimate = p, se = se, low = 1 - (1 - p)^exp(-z * th), high = 1 - (1 - p)^exp(z * th))
  })
}
lost <- function(d, tau) {
  k <- cause_of(d$closure_reason, d$closure_assessment, aim)
  status <- factor(ifelse(k == "", "open", k), levels = c("open", causes))
  fit <- survfit(Surv(d$months + .5, status) ~ 1, influence = TRUE)
  # Area under each curve, and under each household's influence on it (infinitesimal jackknife).
  # Every curve is flat over the half month before the first possible event.
  ends <- pmin(c(fit$time, Inf), tau + .5)
  width <- diff(ends)
  area <- colSums(fit$pstate * width)
  area[1] <- area[1] + ends[1] - .5
  influence <- apply(fit$influence.pstate, c(1, 3), function(u) sum(u[-1] * width))
  stopifnot(dim(fit$influence.pstate)[2] == length(fit$time) + 1)
  list(state = fit$states, mean = area, se = sqrt(colSums(influence^2)), t = qt(.975, nrow(d) - 1))
}
months <- 0:24
kmfit <- survfit(Surv(part$months + .5, part$is_closed) ~ 1, conf.type = "log-log")
km <- summary(kmfit, times = months + .5, extend = TRUE)
# The sequence of R's at-risk counts at month m.
at_risk <- sapply(months, function(m) sum(part$months >= m))
out <- list(
  computed_by = paste(R.version.string, "survival", packageVersion("survival")),
  closure_share_naive = naive, closure_share_entered = entered, followed_12 = within12,
  closure_time_naive = times,
  participation_mean = student(part$stay),
  queue_wait = student(as.numeric(as.Date(part$started_on) - as.Date(part$referred_on)) / 30.4375),
  support_duration = lapply(split(cohort$months_on_support, cohort$group), student),
  bands = lapply(split(cohort$months_on_support, cohort$group), function(m)
    as.list(table(cut(m, c(-1, 5, 12, 60, Inf), labels = c("0-5", "6-12", "13-60", "61-"))))),
  reasons = as.list(table(part$closure_reason[part$is_closed])),
  quarters = as.list(table(paste0(substr(part$closed_on, 1, 4), quarters(as.Date(part$closed_on)))
                           [part$is_closed])),
  incidence = list(participant = curve(part, months),
                   control = curve(cohort[cohort$group == "control", ], months)),
  remaining = list(estimate = km$surv, low = km$lower, high = km$upper),
  at_risk = at_risk,
  lost = lapply(setNames(c(6, 12, 18, 24), c(6, 12, 18, 24)), function(t) lost(part, t)),
  women = curve(part[part$applicant_is_woman == 1, ], months)
)
write_json(out, "cohort.json", digits = I(12), auto_unbox = TRUE, na = "null", pretty = 1)
