package activities_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// behaviours lists the cases that a sync engine gets wrong, as far as they can concern contacts, and the tests that hold
// them here. A case that another package alone can show names it after a colon.
var behaviours = []struct {
	line  string
	tests []string
}{
	// State and change detection.
	{"Nothing changed, passed twice", []string{"TestNothingChangedPassedTwiceWritesNothing"}},
	{"Same item on both sides, no link", []string{"TestSameItemOnBothSidesIsLinkedAndNothingWritten"}},
	{"Different items that match, no link", []string{"TestDifferentItemsThatMatchAreMergedAndEmptyOverwritesNothing"}},
	{"New ETag, same content", []string{"TestTouchedOrReformattedItemIsNoEdit"}},
	{"Both edited the same way", []string{"TestBothEditedTheSameWayMovesTheBaseAndWritesNothing"}},
	{"Both edited different fields", []string{"TestBothEditDifferentFields"}},
	{"Both edited one field", []string{"TestBothEditOneFieldByRule", "TestConflictForReviewIsParkedAndThePersonDecides"}},
	{"Edited here, deleted there, deletes propagate", []string{"TestEditedHereDeletedThere"}},
	{"Edited here, deleted there, deletes do not propagate", []string{"TestEditedHereDeletedThere"}},
	{"Edited by a person between our write and our read-back", []string{"TestEditedByAPersonBetweenOurWriteAndOurReadBack", "TestEditedByAPersonBetweenOurReadAndOurWrite"}},
	{"A feed shows a copy older than what we wrote", []string{"TestFeedThatShowsAnOlderCopyIsNoEdit"}},
	{"Vendor truncates a field that the other side keeps", []string{"TestValueTooLongForTheOtherSideIsParkedAndShortensNothing"}},
	{"Deleted on both", []string{"TestDeletedOnBothDropsTheLinkAndWritesNothing"}},
	{"Deleted, deletes not propagated, then the source is edited", []string{"TestTombstoneStandsAfterTheSourceIsEdited"}},
	{"Remote id changed", []string{"TestRemoteIDChangedIsTheSameLinkAndNoWrite"}},
	{"One write of a batch fails", []string{"TestOneWriteOfABatchFailsAndTheOthersAreCommitted"}},
	{"Stale link with nothing on either side", []string{"TestStaleLinkWithNothingOnEitherSideIsPurged"}},
	{"A write returned no version", []string{"TestWriteThatReturnedNoVersionIsReadBeforeTheNextCompare"}},
	{"Vendor stores something else than was sent", []string{"TestVendorStoresSomethingElseThanWasSent"}},
	{"One side suddenly empty", []string{"TestOneSideSuddenlyEmptyIsHeld"}},
	{"A record is missing from a complete read because sharing changed", []string{"TestMissingFromACompleteReadBecauseSharingChangedUnlinks"}},
	{"Two workers believe they own one mailbox", []string{"TestTwoWorkersWhoBelieveTheyOwnOneMailbox"}},
	{"Two reps create the same new person within a second", []string{"TestTwoRepsCreateTheSamePersonAtOnce", "TestTwoRepsShareAPerson"}},
	{"Normaliser upgraded, hash key rotated, field newly mapped by an upgrade",
		[]string{"TestRotatedHashKeyWritesNothing", "TestEditBeforeTheHashKeyRotatedIsNotLost", "planner: TestRebase"}},
	{"Postgres restored from yesterday", []string{"TestDatabaseRestoredFromYesterdayAdoptsByMarker", "TestRestoredDatabaseHoldsCreatesAndDeletesUntilAnAdminHasLooked"}},
	{"One unparseable item in a page", []string{"TestUnparseableItemIsParkedAndThePageGoesOn"}},
	// Tokens, paging, time.
	{"People 400 EXPIRED_SYNC_TOKEN, also mid-page", []string{"TestSyncTokenExpiredReadsEverythingAndIsExact", "TestSyncTokenExpiredInTheMiddleOfPaging",
		"TestNothingIsDeletedByAbsenceFromAnIncompleteRead", "TestRepBehindTheFeedsRetentionReadsEverything", "TestFeedOlderThanTheRecycleBinBeginsAnew"}},
	{"Worker dies between two pages, or between the write and its record", []string{"TestWorkerDiesBetweenTwoPages", "TestReadGoesOnAtItsLastPage",
		"TestWorkerDiesAfterAFullReadBeforeItLookedForWhatIsMissing", "TestWorkerDiesBetweenStages", "TestWorkerDiesBetweenTheWriteAndItsRecord",
		"TestLostAnswerDoublesAndLosesNothing", "TestEveryStageTwiceGivesTheSameEndState"}},
	{"Delta repeats an item", []string{"TestDeltaRepeatsItems", "TestRowsOfASlowTransactionAreNotMissed"}},
	{"Clock skew between vendors with newest", []string{"TestNewestGoesByTheVendorsOwnTimes", "TestNewestIsNotMovedByOurOwnWrites"}},
	// People and privacy.
	{"A tightened rule applies to what has synced", []string{"TestPolicyChangeIsAppliedToPastItemsInTheNextPass", "TestPolicyChangedInTheMiddleOfAReadIsAppliedWhole"}},
	{"First sync, re-sync, back-fill: no mail to anybody", []string{"TestNobodyIsMailed"}},
	{"Copied by the user, with our marker copied along", []string{"TestItemThatAUserCopiedWithOurMarkerIsNotTheOldOne"}},
	{"Contact with an email shared by two people; two contacts with one email", []string{"TestTwoContactsWithOneEmailAreNotMerged", "TestOnAmbiguousPicksOrCreates"}},
	{"Rep leaves; rep reassigned; mailbox migrated", []string{"TestRepLeavesAndTheOthersStay", "TestReassignedRecordLeavesTheOldOwnerAndReachesTheNew",
		"TestMailboxMigratedIsMatchedAnewAndDoublesNothing"}},
	{"Marker of another org on an item", []string{"TestMarkerOfAnotherOrgIsRefused"}},
	// Operation.
	{"invalid_grant, revoked consent, disabled user", []string{"TestRevokedConsentIsShownAndAsksNoStorm", "TestOneRepsFailureTouchesNoOther", "TestCRMUserDeactivated"}},
	{"403 rate limit vs 403 forbidden", []string{"TestRateLimitWaitsAndForbiddenFails"}},
	{"Retry-After of an hour", []string{"TestRetryAfterOfAnHourDoesNotStopTheOtherSideAndSurvives", "TestRetryAfterOnAWriteDoesNotStopTheOtherSide"}},
	{"Policy changed three times quickly; rep moved to another policy; policy rolled back", []string{"TestPolicyChangedSeveralTimesAppliesTheNewestOnce", "TestRepMovedToAnotherPolicy"}},
	{"An org-wide mass delete spread thin over many passes and reps", []string{"TestRollingGuardHoldsDeletesSpreadOverPasses", "TestRollingGuardHoldsDeletesSpreadOverReps"}},
	{"Policy changed while paused or held", []string{"TestPolicyChangedWhileHeldIsApplied"}},
	{"CRM daily budget spent", []string{"TestCRMBudgetSpentWaitsAndGoesOn"}},
	{"Validation rule rejects a record", []string{"TestValidationRuleParksWithTheCRMsWordsAndIsRetried"}},
	{"Rep stopped and started again", []string{"TestRepStoppedAndStartedAgainWritesNothing"}},
	{"Same rep started twice", []string{"workflows: the workflow's id"}},
}

// Every case has a test, and every test that is named exists.
func TestEveryBehaviourHasATest(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	there := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				there[fn.Name.Name] = true
			}
		}
	}
	for _, b := range behaviours {
		require.NotEmpty(t, b.tests, b.line)
		for _, name := range b.tests {
			if !strings.Contains(name, ":") {
				require.True(t, there[name], "%s: there is no %s among %v", b.line, name, slices.Sorted(maps.Keys(there)))
			}
		}
	}
}
