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

// behaviours lists the cases that a sync engine gets wrong, and the tests that hold them here for contacts and for events. A case that another package alone can show names it after a colon.
var behaviours = []struct {
	line  string
	tests []string
}{
	// State and change detection.
	{"Nothing changed, passed twice", []string{"TestNothingChangedPassedTwiceWritesNothing", "TestEventsUnchangedPassedTwiceWriteNothing"}},
	{"Same item on both sides, no link", []string{"TestSameItemOnBothSidesIsLinkedAndNothingWritten", "TestSameEventOnBothSidesIsLinkedAndNothingWritten"}},
	{"Different items that match, no link", []string{"TestDifferentItemsThatMatchAreMergedAndEmptyOverwritesNothing", "TestEventsThatMatchAreMergedAndEmptyOverwritesNothing"}},
	{"New ETag, same content", []string{"TestTouchedOrReformattedItemIsNoEdit", "TestTouchedEventIsNoEdit"}},
	{"Both edited the same way", []string{"TestBothEditedTheSameWayMovesTheBaseAndWritesNothing", "TestBothSidesEditAnEvent"}},
	{"Both edited different fields", []string{"TestBothEditDifferentFields", "TestBothSidesEditAnEvent"}},
	{"Both edited one field", []string{"TestBothEditOneFieldByRule", "TestConflictForReviewIsParkedAndThePersonDecides", "TestBothSidesEditAnEvent", "TestEventConflictForReviewIsParkedAndThePersonDecides"}},
	{"Edited here, deleted there, deletes propagate", []string{"TestEditedHereDeletedThere", "TestEventEditedHereDeletedThere"}},
	{"Edited here, deleted there, deletes do not propagate", []string{"TestEditedHereDeletedThere", "TestEventEditedHereDeletedThere"}},
	{"Edited by a person between our write and our read-back", []string{"TestEditedByAPersonBetweenOurWriteAndOurReadBack", "TestEditedByAPersonBetweenOurReadAndOurWrite", "TestEventEditedByAPersonBetweenOurWriteAndOurReadBack", "TestEventEditedByAPersonBetweenOurReadAndOurWrite"}},
	{"A feed shows a copy older than what we wrote", []string{"TestFeedThatShowsAnOlderCopyIsNoEdit", "TestFeedThatShowsAnOlderEventIsNoEdit"}},
	{"Vendor truncates a field that the other side keeps", []string{"TestValueTooLongForTheOtherSideIsParkedAndShortensNothing", "TestTextTooLongForTheCRMIsParkedAndNeverCut", "TestEventOfFourteenDaysFitsAndALongerOneIsParked", "TestAllDayEventOfFourteenDaysFits", "TestOneOccurrenceThatDoesNotFitIsParkedAlone"}},
	{"Deleted on both", []string{"TestDeletedOnBothDropsTheLinkAndWritesNothing", "TestEventDeletedOnBothSidesDropsTheLink"}},
	{"Deleted, deletes not propagated, then the source is edited", []string{"TestTombstoneStandsAfterTheSourceIsEdited", "TestEventDeletedOnOneSide", "TestOneOccurrenceDeletedUnderEveryRule"}},
	{"Remote id changed", []string{"TestRemoteIDChangedIsTheSameLinkAndNoWrite", "TestEventMovedToAnotherCalendarAndBack"}},
	{"One write of a batch fails", []string{"TestOneWriteOfABatchFailsAndTheOthersAreCommitted", "TestOneEventOfABatchFailsAndTheOthersAreCommitted"}},
	{"Stale link with nothing on either side", []string{"TestStaleLinkWithNothingOnEitherSideIsPurged"}},
	{"A write returned no version", []string{"TestWriteThatReturnedNoVersionIsReadBeforeTheNextCompare"}},
	{"Vendor stores something else than was sent", []string{"TestVendorStoresSomethingElseThanWasSent", "TestEventStoredOtherwiseThanSentMakesNoLoop", "TestShowAsAndPrivacyOfBothSides", "TestWhatTheCRMHasNoFieldForIsLeftAlone"}},
	{"One side suddenly empty", []string{"TestOneSideSuddenlyEmptyIsHeld", "TestOneSideOfTheCalendarSuddenlyEmptyIsHeld"}},
	{"A record is missing from a complete read because sharing changed", []string{"TestMissingFromACompleteReadBecauseSharingChangedUnlinks", "TestReassignedEventLeavesItsOldOwnerAndComesBack"}},
	{"Two workers believe they own one mailbox", []string{"TestTwoWorkersWhoBelieveTheyOwnOneMailbox", "TestTwoWorkersOnOneCalendar"}},
	{"Two reps create the same new person within a second", []string{"TestTwoRepsCreateTheSamePersonAtOnce", "TestTwoRepsShareAPerson", "TestTwoRepsMeetANewMeetingAtOnce"}},
	{"Normaliser upgraded, hash key rotated, field newly mapped by an upgrade",
		[]string{"TestRotatedHashKeyWritesNothing", "TestEditBeforeTheHashKeyRotatedIsNotLost", "planner: TestRebase", "TestRotatedHashKeyWritesNoEvent"}},
	{"Postgres restored from yesterday", []string{"TestDatabaseRestoredFromYesterdayAdoptsByMarker", "TestRestoredDatabaseHoldsCreatesAndDeletesUntilAnAdminHasLooked", "TestDatabaseRestoredFromYesterdayAdoptsEventsByTheirMarkers", "TestRestoredDatabaseHoldsEventsUntilAnAdminHasLooked"}},
	{"One unparseable item in a page", []string{"TestUnparseableItemIsParkedAndThePageGoesOn", "TestEventsThatCannotBeReadAreParkedAndTheRestSyncs", "TestNewEventThatCannotBeReadIsParkedAndMakesNoRecord"}},
	// Tokens, paging, time.
	{"People 400 EXPIRED_SYNC_TOKEN, also mid-page", []string{"TestSyncTokenExpiredReadsEverythingAndIsExact", "TestSyncTokenExpiredInTheMiddleOfPaging",
		"TestNothingIsDeletedByAbsenceFromAnIncompleteRead", "TestRepBehindTheFeedsRetentionReadsEverything", "TestFeedOlderThanTheRecycleBinBeginsAnew"}},
	{"Worker dies between two pages, or between the write and its record", []string{"TestWorkerDiesBetweenTwoPages", "TestReadGoesOnAtItsLastPage",
		"TestWorkerDiesAfterAFullReadBeforeItLookedForWhatIsMissing", "TestWorkerDiesBetweenStages", "TestWorkerDiesBetweenTheWriteAndItsRecord",
		"TestLostAnswerDoublesAndLosesNothing", "TestEveryStageTwiceGivesTheSameEndState", "TestWorkerDiesBetweenTwoPagesOfACalendar", "TestWorkerDiesBetweenStagesOfAPassOverEvents", "TestEveryStageOfEventsTwiceGivesTheSameEndState", "TestLostAnswerToAWriteDoublesNoEvent"}},
	{"Delta repeats an item", []string{"TestDeltaRepeatsItems", "TestRowsOfASlowTransactionAreNotMissed", "TestCalendarRepeatsItemsAndShowsAnExceptionBeforeItsMaster"}},
	{"Clock skew between vendors with newest", []string{"TestNewestGoesByTheVendorsOwnTimes", "TestNewestIsNotMovedByOurOwnWrites", "TestNewestGoesByTheLaterEditOfAnEvent"}},
	{"Calendar 410, also mid-page", []string{"TestCalendarTokenExpiredReadsEverythingAndIsExact", "TestCalendarTokenExpiredInTheMiddleOfPaging",
		"TestNoEventIsDeletedByAbsenceFromAnIncompleteRead", "TestRepBehindTheFeedReadsEveryEvent"}},
	{"Delta delivers an exception before its master", []string{"TestCalendarRepeatsItemsAndShowsAnExceptionBeforeItsMaster", "TestExceptionWithoutItsMaster"}},
	{"Event leaves the sliding window", []string{"TestEventLeavesTheWindowAndIsNotDeleted", "TestEventComesBackIntoTheWindowAndIsNotDoubled",
		"TestEventThatLeftTheWindowIsStillDeletedWhenAPersonDoes", "TestOccurrenceMovedOverTheEdgeOfTheWindow"}},
	{"Event enters the window with no change of its own", []string{"TestEventEntersTheWindowWithoutHavingChanged", "TestSeriesWithoutEndSlidesWithTheWindow",
		"TestEventThatIsGoingOnAtTheEdgeIsInside"}},
	{"All-day event, any time zone, across DST", []string{"TestAllDayEventHasTheSameDatesOnBothSides", "TestAllDayEventIsMovedAndTurnedIntoTimedAndBack",
		"TestAllDaySeriesKeepsItsDatesOverTheChangeOfTheClocks", "TestTimedEventsInOddZonesKeepTheirInstants"}},
	{"Series with one occurrence moved, one deleted, then the master edited", []string{"TestExceptionsOfASeriesAreKeptOnBothSides",
		"TestOneOccurrenceChangedTouchesThatOneAlone", "TestSeriesRetimedAfterExceptionsMovesItsRecords", "TestSeriesShortenedLengthenedAndGivenAnotherRule",
		"TestOccurrenceEditedInTheCRMWhileItsSeriesIsRetimed", "TestOccurrenceDeletedInTheCRMWhileItsSeriesIsRetimed", "TestManySmallEditsOnBothSidesOfASeries"}},
	{"This and following", []string{"TestThisAndFollowingKeepsTheRecordsAndOneLinkEach", "TestThisAndFollowingDeletedInTheMailbox",
		"TestSeriesSplitTwiceBetweenTwoPasses", "TestSeriesSplitAndTheTailDeleted", "TestOccurrenceEditedInTheCRMWhileItsSeriesIsSplit"}},
	{"Series turned into a single event and back", []string{"TestSeriesBecomesASingleEventAndBack", "TestWholeSeriesDeletedInTheMailbox"}},
	{"RDATE, several rules, rules the other side cannot express", []string{"TestRecurrencesThatCanBeSaidAreExact", "TestRuleThatCannotBeExpandedParksItsSeriesAlone",
		"TestANativeSeriesIsOneMailboxSeries"}},
	// People and privacy.
	{"Event becomes private under private: skip", []string{"TestEventBecomesPrivateUnderSkip", "TestPrivateEventIsSkippedShownAsBusyOrSynced",
		"TestEventBecomesPrivateUnderBusy", "TestCopyThatAPersonMadePrivateIsKeptApart", "TestAdoptedEventBecomesPrivate", "TestOneOccurrenceBecomesPrivate",
		"TestPrivateEventTellsItsMatchNothing"}},
	{"private tightened by policy", []string{"TestPrivateTightenedByPolicyAppliesToPastCopies"}},
	{"Two reps attend the same meeting", []string{"TestMeetingOfThreeRepsIsOneCRMEvent", "TestAnswersOfAttendeesReachTheCRM", "TestOutsideMeetingOfTwoRepsIsOneCRMEvent",
		"TestRepsShareAMeetingThatTheCRMHasInvitedThemTo"}},
	{"Attendee (not organiser) edits or deletes their copy", []string{"TestAttendeeWhoDeletesEditsOrDeclinesTouchesTheirCopyAlone", "TestOrganiserEditsAndDeletesForAll",
		"TestAttendeesTouchOneOccurrenceOfASeries", "TestAttendeeDeclinesAndAcceptsAgain", "TestAttendeeMakesTheirCopyPrivate"}},
	{"Organiser is not a syncing rep", []string{"TestOutsideMeetingOfTwoRepsIsOneCRMEvent", "TestCRMEditOfAnOutsideMeetingIsNotOursToChange",
		"TestOutsideMeetingIsWithdrawn", "TestElectedRepDeclinesOrDeletesAndTheMeetingStays", "TestOutsideSeriesWithAnException", "TestElectedCopyBecomesPrivateAndAnotherSpeaks"}},
	{"Whom a meeting concerns in the CRM", []string{"TestMeetingIsRelatedToContactsLeadsAccountsAndUsers", "TestSeveralContactsOfOneAddressGoByTheTie", "TestRelationThatAPersonMadeStays"}},
	{"Which events the policy admits", []string{"TestEventsExcludedByPolicy", "TestCRMEventsExcludedByPolicy", "TestEventIsExcludedOnceItChanges", "TestEventsSelectedByTheirHashtag",
		"TestSeriesSelectedByItsHashtag", "TestEventsRelatedToPeopleOfTheCRM", "TestEventDirections", "TestEventDriftIsKeptOrReverted", "TestEventsBeyondTheLimitOfAPolicyAreListed"}},
	{"A tightened rule applies to what has synced", []string{"TestPolicyChangeIsAppliedToPastItemsInTheNextPass", "TestPolicyChangedInTheMiddleOfAReadIsAppliedWhole", "TestPrivateTightenedByPolicyAppliesToPastCopies", "TestEventsExcludedByPolicy", "TestEventFilterExit", "TestSeriesSkippedByPolicy", "TestWiderAndNarrowerWindowByPolicy"}},
	{"First sync, re-sync, back-fill: no mail to anybody", []string{"TestNobodyIsMailed", "TestNobodyIsMailedAboutEvents", "TestOrganizerPolicyMailsExactlyThoseOfTheMeeting"}},
	{"Copied by the user, with our marker copied along", []string{"TestItemThatAUserCopiedWithOurMarkerIsNotTheOldOne", "TestEventThatAUserCopiedWithOurMarkerIsANewOne"}},
	{"Contact with an email shared by two people; two contacts with one email", []string{"TestTwoContactsWithOneEmailAreNotMerged", "TestOnAmbiguousPicksOrCreates"}},
	{"Rep leaves; rep reassigned; mailbox migrated", []string{"TestRepLeavesAndTheOthersStay", "TestReassignedRecordLeavesTheOldOwnerAndReachesTheNew",
		"TestMailboxMigratedIsMatchedAnewAndDoublesNothing", "TestOrganiserLeavesOrIsReassignedWithoutADouble", "TestRepOfTheElectedCopyLeaves", "TestMailboxMigratedKeepsTheCRMsEvents"}},
	{"Marker of another org on an item", []string{"TestMarkerOfAnotherOrgIsRefused", "TestEventWithTheMarkerOfAnotherOrgIsRefused"}},
	// Operation.
	{"invalid_grant, revoked consent, disabled user", []string{"TestRevokedConsentIsShownAndAsksNoStorm", "TestOneRepsFailureTouchesNoOther", "TestCRMUserDeactivated"}},
	{"403 rate limit vs 403 forbidden", []string{"TestRateLimitWaitsAndForbiddenFails"}},
	{"Retry-After of an hour", []string{"TestRetryAfterOfAnHourDoesNotStopTheOtherSideAndSurvives", "TestRetryAfterOnAWriteDoesNotStopTheOtherSide", "TestRetryAfterOnContactsDelaysNoEventAndTheOtherWayRound"}},
	{"Policy changed three times quickly; rep moved to another policy; policy rolled back", []string{"TestPolicyChangedSeveralTimesAppliesTheNewestOnce", "TestRepMovedToAnotherPolicy", "TestEventPolicyChangedSeveralTimesAppliesTheNewestOnce"}},
	{"An org-wide mass delete spread thin over many passes and reps", []string{"TestRollingGuardHoldsDeletesSpreadOverPasses", "TestRollingGuardHoldsDeletesSpreadOverReps", "TestGuardCountsASeriesOnce"}},
	{"Policy changed while paused or held", []string{"TestPolicyChangedWhileHeldIsApplied"}},
	{"CRM daily budget spent", []string{"TestCRMBudgetSpentWaitsAndGoesOn"}},
	{"Validation rule rejects a record", []string{"TestValidationRuleParksWithTheCRMsWordsAndIsRetried"}},
	{"Rep stopped and started again", []string{"TestRepStoppedAndStartedAgainWritesNothing", "TestRepStoppedAndStartedAgainWritesNoEvent"}},
	// What bad input gets.
	{"End before start, unknown zone names, floating times", []string{"TestEventsThatCannotBeReadAreParkedAndTheRestSyncs"}},
	{"An RRULE that never occurs", []string{"TestRuleThatNeverOccursIsParked"}},
	{"5,000 exceptions", []string{"TestSeriesWithThousandsOfExceptions"}},
	{"2,000 attendees, attendees without address", []string{"TestTwoThousandAttendeesFromAnInvitation", "TestAttendeesInNumbersAndWithoutAddress"}},
	{"Duplicate UIDs", []string{"TestTwoEventsOfOneUIDAreNotOne"}},
	{"An exception without its master", []string{"TestExceptionWithoutItsMaster"}},
	{"A cancelled master with living exceptions", []string{"TestCancelledMasterTakesItsExceptionsAlong"}},
	{"A calendar that is gone or read-only", []string{"TestCalendarThatIsGoneOrReadOnly"}},
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
